/** The contract as pages that people read: the routes, the events and the error codes, from the same declarations as the documents. */
import type {
  ErrorEntry,
  EventEntry,
  NamespaceEntry,
  ObjectEntry,
  Reference,
  RouteEntry,
  Shape,
  TypeText,
} from '@majlis/contract/documents';
import { Html, html } from './html.ts';

const ACCESS: Record<RouteEntry['access'], string> = {
  public: 'Needs no token.',
  user: 'For a signed-in user, or an API key acting for one.',
  'user-or-key': 'For a signed-in user, or an API key, which need not act for one.',
  'key-or-admin': 'For an API key or an administrator.',
};

const LANGUAGES = { en: 'English', ar: 'العربية', ru: 'Русский' };

/** Something that a page has an entry for, which the search hides and shows. */
interface Entry {
  id: string;
  /** In the list at the side. */
  label: string;
  content: Html;
}

interface Section {
  title: string;
  intro?: Html | undefined;
  entries: readonly Entry[];
}

const idOf = (...parts: string[]) =>
  parts
    .join('-')
    .replace(/[^\w]+/g, '-')
    .replace(/^-|-$/g, '')
    .toLowerCase();
const objectId = (name: string) => `object-${name}`;

/** Descriptions mark code with backticks. */
function prose(text: string): Html[] {
  return text.split('`').map((part, i) => (i % 2 === 0 ? html`${part}` : html`<code>${part}</code>`));
}

function typeOf(type: TypeText): Html[] {
  return type.map((part) => (typeof part === 'string' ? html`${part}` : html`<a href="#${objectId(part.object)}">${part.object}</a>`));
}

function fieldTable(label: string, { fields }: Shape): Html {
  const rows = fields.map(
    ({ path, optional, type, notes }) =>
      html`<tr>
        <th scope="row"><code>${path}</code>${optional ? html` <small>optional</small>` : undefined}</th>
        <td>${typeOf(type)}</td>
        <td>${prose(notes)}</td>
      </tr>`,
  );
  return html`<div class="table" role="group" tabindex="0" aria-label="${label}">
    <table>
      <thead>
        <tr>
          <th scope="col">Key</th>
          <th scope="col">Type</th>
          <th scope="col">Notes</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function shape(entry: string, title: string, of: Shape | undefined): Html | undefined {
  if (!of) return undefined;
  if (of.fields.length === 0) return html`<p><b>${title}:</b> ${typeOf(of.type)}</p>`;
  return html`<h4>${title}</h4>
    ${fieldTable(`${entry}: ${title}`, of)}`;
}

function routeEntry(route: RouteEntry): Entry {
  const label = `${route.method} ${route.path}`;
  const errors = route.errors.map((code) => html`<li><a href="/docs/errors#${code}">${code}</a></li>`);
  return {
    id: idOf(route.method, route.path),
    label,
    content: html`<h3><b class="method">${route.method}</b> <code>${route.path}</code></h3>
      <p>${prose(route.summary)}</p>
      <p class="aside">${ACCESS[route.access]} Budget: ${route.budget}.</p>
      ${shape(label, 'Path', route.params)}${shape(label, 'Query', route.query)}${shape(label, 'Headers', route.headers)}${shape(label, 'Body', route.body)}
      ${route.answer ? shape(label, `Answer (${route.statuses.join(', or ')})`, route.answer) : html`<p><b>Answer (${route.statuses.join()}):</b> empty</p>`}
      <h4>Errors</h4>
      <ul class="codes">
        ${errors}
      </ul>`,
  };
}

function eventEntry(namespace: string, direction: string, { name, summary, payload, inbound }: EventEntry): Entry {
  const budget = inbound && `Budget: ${inbound.budget}${inbound.dropsSilently ? '; over it, it is dropped without a word' : ''}.`;
  return {
    id: idOf(namespace, direction, name),
    label: name,
    content: html`<h3><code>${name}</code></h3>
      <p>${prose(summary)}</p>
      ${budget === undefined ? undefined : html`<p class="aside">${budget}</p>`}
      ${shape(name, 'Payload', payload)}${shape(name, 'Acknowledgement', inbound?.ack)}`,
  };
}

function namespaceSections({ name, description, refusal, receives, sends }: NamespaceEntry): Section[] {
  return [
    {
      title: `${name} client to server`,
      intro: html`<p>${prose(description)}</p>
        ${
          refusal &&
          html`<p>A failed event is acknowledged with:</p>
            ${fieldTable(`${name}: failed`, refusal)}`
        }`,
      entries: receives.map((event) => eventEntry(name, 'receives', event)),
    },
    { title: `${name} server to client`, entries: sends.map((event) => eventEntry(name, 'sends', event)) },
  ];
}

function objectEntry({ name, description, shape: of }: ObjectEntry): Entry {
  return {
    id: objectId(name),
    label: name,
    content: html`<h3>${name}</h3>
      ${description ? html`<p>${prose(description)}</p>` : undefined}
      ${of.fields.length > 0 ? fieldTable(name, of) : html`<p><b>Type:</b> ${typeOf(of.type)}</p>`}`,
  };
}

function errorEntry({ code, status, texts, meaning, remedy }: ErrorEntry): Entry {
  const messages = Object.entries(LANGUAGES).map(
    ([locale, language]) =>
      html`<tr>
        <th scope="row">${language}</th>
        <td lang="${locale}" dir="auto">${texts[locale as keyof typeof texts]}</td>
      </tr>`,
  );
  return {
    id: code,
    label: code,
    content: html`<h3><code>${code}</code></h3>
      <p class="aside">HTTP status ${status}</p>
      <p><b>What it means.</b> ${prose(meaning)}</p>
      <p><b>What to do.</b> ${prose(remedy)}</p>
      <table>
        <caption>
          The message
        </caption>
        <tbody>
          ${messages}
        </tbody>
      </table>`,
  };
}

const objects = (reference: Reference): Section => ({ title: 'Objects', entries: reference.objects.map(objectEntry) });

interface Page {
  path: string;
  title: string;
  /** The same for programs. */
  document: string | undefined;
  intro: Html;
  sections(reference: Reference): Section[];
}

const PAGES = {
  rest: {
    path: '/docs',
    title: 'REST',
    document: '/docs/openapi.json',
    intro: html`<p>
      Send a token as <code>Authorization: Bearer …</code>, or, from your own backend, <code>X-API-Key</code> and with
      <code>X-On-Behalf-Of</code> the user it acts for. Lists go on with <code>?cursor=</code>.
    </p>`,
    sections: (reference) => [
      ...reference.routes.map(({ tag, routes }) => ({ title: tag, entries: routes.map(routeEntry) })),
      objects(reference),
    ],
  },
  events: {
    path: '/docs/events',
    title: 'Events',
    document: '/docs/asyncapi.json',
    intro: html`<p>
      Socket.IO namespaces. Every event has one argument, and so has every acknowledgement. <code>a[].b</code> is the key <code>b</code> of
      each item of the list <code>a</code>, <code>a.*.b</code> of each value of the map <code>a</code>.
    </p>`,
    sections: (reference) => [...reference.namespaces.flatMap(namespaceSections), objects(reference)],
  },
  errors: {
    path: '/docs/errors',
    title: 'Errors',
    document: undefined,
    intro: html`<p>
      On a socket as event <code>error</code> and in the acknowledgement, over REST as a problem document (RFC 9457). <code>code</code> is
      the same in every language; the message is for people.
    </p>`,
    sections: (reference) => [{ title: 'Codes', entries: reference.errors.map(errorEntry) }],
  },
} as const satisfies Record<string, Page>;

export type PageName = keyof typeof PAGES;

/** A page of the documentation, complete. */
export function docsPage(name: PageName, reference: Reference): string {
  const page: Page = PAGES[name];
  const sections = page.sections(reference);
  const pages = Object.values(PAGES).map(
    ({ path, title }) => html`<a href="${path}" ${path === page.path ? html` aria-current="page"` : undefined}>${title}</a>`,
  );
  const contents = sections.map(
    ({ title, entries }) =>
      html`<section>
        <h2>${title}</h2>
        <ul>
          ${entries.map(({ id, label }) => html`<li><a href="#${id}">${label}</a></li>`)}
        </ul>
      </section>`,
  );
  const main = sections.map(
    ({ title, intro, entries }) =>
      html`<section>
        <h2>${title}</h2>
        ${intro}${entries.map(({ id, content }) => html`<article id="${id}">${content}</article>`)}
      </section>`,
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${page.title} – Majlis</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/docs/page.css" />
        <script src="/docs/page.js" defer></script>
      </head>
      <body>
        <header>
          <strong>Majlis</strong>
          <nav aria-label="Pages">${pages}</nav>
          <label class="search" hidden>Search <input type="search" autocomplete="off" /></label>
          ${page.document === undefined ? undefined : html`<a href="${page.document}">${page.document.slice('/docs/'.length)}</a>`}
        </header>
        <nav class="contents" aria-label="Contents">${contents}</nav>
        <main>
          <h1>${page.title}</h1>
          ${page.intro}
          <p class="found" role="status"></p>
          ${main}
        </main>
      </body>
    </html> `.markup;
}

/** Hides what does not have all the words that are searched for. */
export const PAGE_SCRIPT = `'use strict';
const label = document.querySelector('.search');
const input = label.querySelector('input');
const status = document.querySelector('.found');
const entries = [...document.querySelectorAll('article')].map((article) => ({
  article,
  item: document.querySelector('.contents a[href="#' + CSS.escape(article.id) + '"]').parentElement,
  text: article.textContent.toLowerCase(),
}));
const sections = [...document.querySelectorAll('section')];
function search() {
  const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let found = 0;
  for (const { article, item, text } of entries) {
    const has = words.every((word) => text.includes(word));
    article.hidden = item.hidden = !has;
    if (has) found++;
  }
  for (const section of sections) section.hidden = words.length > 0 && !section.querySelector('article:not([hidden]), li:not([hidden])');
  status.textContent = words.length > 0 ? found + ' of ' + entries.length : '';
}
label.hidden = false;
input.addEventListener('input', search);
// What a link leads to is shown, whatever is searched for.
addEventListener('hashchange', () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target?.hidden) return;
  input.value = '';
  search();
  target.scrollIntoView();
});
`;

export const PAGE_STYLE = `:root {
  color-scheme: light dark;
  --text: light-dark(#1c2024, #e6e8eb);
  --quiet: light-dark(#5b636b, #a4abb3);
  --back: light-dark(#ffffff, #16191d);
  --raised: light-dark(#f3f5f7, #21262c);
  --line: light-dark(#dfe3e7, #343a41);
  --link: light-dark(#0b5cad, #7cb8f5);
  font: 16px/1.5 system-ui, sans-serif;
  accent-color: var(--link);
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; color: var(--text); background: var(--back); display: grid; grid-template: auto 1fr / 20rem minmax(0, 1fr); min-block-size: 100vh; }
a { color: var(--link); }
header {
  grid-column: 1 / -1; position: sticky; inset-block-start: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center;
  padding: .6rem 1.25rem; background: var(--raised); border-block-end: 1px solid var(--line);
}
header nav { display: flex; gap: 1rem; }
header [aria-current] { color: inherit; font-weight: 600; text-decoration: none; }
.search { margin-inline-start: auto; }
input { font: inherit; color: inherit; background: var(--back); border: 1px solid var(--quiet); border-radius: .3rem; padding: .15rem .5rem; }
.contents {
  position: sticky; inset-block-start: 3.2rem; max-block-size: calc(100vh - 3.2rem); overflow: auto; padding: 0 1.25rem 2rem; font-size: .85rem;
  border-inline-end: 1px solid var(--line);
}
.contents h2 { font-size: .9rem; margin-block: 1.2rem .3rem; }
.contents ul { list-style: none; margin: 0; padding: 0; overflow-wrap: anywhere; }
.contents a { display: block; padding-block: .15rem; text-decoration: none; }
.contents a:hover, .contents a:focus-visible { text-decoration: underline; }
main { padding: 1rem 2rem 6rem; max-inline-size: 62rem; }
article { scroll-margin-block-start: 4rem; border-block-start: 1px solid var(--line); padding-block: .5rem 1rem; }
h3 { font-size: 1.1rem; margin-block: .8rem .3rem; overflow-wrap: anywhere; }
h4 { font-size: .95rem; margin-block: 1rem .4rem; }
p { margin-block: .4rem; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
.method { font-size: .8rem; letter-spacing: .03em; border: 1px solid currentColor; border-radius: .25rem; padding: .1rem .35rem; }
.aside, small, caption { color: var(--quiet); }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: start; vertical-align: top; padding: .3rem .8rem .3rem 0; border-block-end: 1px solid var(--line); font-weight: inherit; }
thead th { color: var(--quiet); }
caption { text-align: start; }
.codes { display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; padding: 0; margin: 0; font-size: .85rem; }
@media (width < 60rem) {
  body { display: block; }
  .contents { display: none; }
  main { padding-inline: 1.25rem; }
}
`;
