import { writeFileSync } from 'node:fs';
import { settingSections, settingTexts } from '../apps/server/src/config/settings.ts';

const heading = `# The settings of Majlis. Copy this file to .env and fill in what you want to change.
# An environment variable wins over .env; an empty value counts as unset.
# Made by \`npm run env-example\` from apps/server/src/config/settings.ts.`;

/** The text of \`.env.example\`: every setting with its description, default and example. */
export function envExample(): string {
  const sections = Object.entries(settingSections).map(([title, settings]) => {
    const entries = Object.entries(settings).map(([name, schema]) => {
      const { description, example } = settingTexts.get(schema)!;
      const unset = String(schema.parse(undefined) ?? '');
      return [`# ${description}`, `# ${unset && `Default: ${unset}. `}Example: ${example}`, `#${name}=`].join('\n');
    });
    return [`# ---- ${title} ----`, ...entries].join('\n\n');
  });
  return `${[heading, ...sections].join('\n\n')}\n`;
}

if (import.meta.main) writeFileSync(new URL('../.env.example', import.meta.url), envExample());
