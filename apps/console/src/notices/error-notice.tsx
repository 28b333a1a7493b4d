import { Code, Text } from '@mantine/core';

/** The sentence and, for whoever asks for help, the server's code. */
export function ErrorNotice({ text, code }: { text: string; code: string | null }) {
  return (
    <>
      <Text size="sm">{text}</Text>
      {code && (
        <Code fz="xs" dir="ltr">
          {code}
        </Code>
      )}
    </>
  );
}
