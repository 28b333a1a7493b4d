import { describe, expect, test } from 'vitest';
import { idsMeantBy, mentionRuns } from '../../src/features/social/mentions.ts';
import { caughtUp, makeUsers, ok, onServers, v2Clients } from '../support/chats.ts';
import { freshId } from '../support/server.ts';

describe('"A mention is `@` and the longest existing id of `[A-Za-z0-9_.-]`"', () => {
  test('what could be an id is what follows each `@`, each once', () => {
    const runs: [string, string[]][] = [
      ['no one', []],
      ['@', []],
      ['@anna', ['anna']],
      ['Привет, @anna-1_b.c!', ['anna-1_b.c']],
      ['@a@b @a', ['a', 'b']],
      ['(@anna)', ['anna']],
      ['@анна', []],
      ['@annaанна', ['anna']],
      [`@${'x'.repeat(70)}`, ['x'.repeat(64)]],
    ];
    for (const [text, expected] of runs) expect(mentionRuns(text), text).toEqual(expected);
    expect(mentionRuns(Array.from({ length: 90 }, (_, i) => `@u${i}`).join(' '))).toHaveLength(50);
    expect(idsMeantBy('ab.')).toEqual(['ab.', 'ab', 'a']);
  });
});

onServers('mentions', (server) => {
  test('in posts and comments: `mention` to each who is named, once; the longest id that exists is meant', async () => {
    const [author, writer] = await makeUsers(server(), 'Author', 'Writer');
    const base = freshId('anna');
    const [anna, annaBel, gone] = [base, `${base}bel`, `${base}gone`];
    for (const id of [anna, annaBel, gone]) await server().createUser(id, { name: id });
    ok(await server().api('DELETE', `/api/v2/users/${gone}`, { key: true }));
    const clients = await v2Clients(server(), author, anna, annaBel);
    const content = `@${annaBel}. and @${annaBel}, and @${author}; nobody: @${freshId()} @@ @Author`;
    const { id } = ok(await server().api('POST', '/api/v2/posts', { as: writer, body: { content } }));
    const comment = { as: writer, body: { content: `@${gone}` } };
    const { id: commentId } = ok(await server().api('POST', `/api/v2/posts/${id}/comments`, comment));
    await caughtUp(...clients);
    const mentions = clients.map((client) => client.of('notification:new').map(({ type, body, data }) => [type, body, data]));
    const inPost = ['mention', `Writer: ${content}`, { post_id: id, user_id: writer }];
    expect(mentions).toEqual([
      [inPost],
      // Who was erased is nobody: the longest id that exists is hers.
      [['mention', `Writer: @${gone}`, { post_id: id, comment_id: commentId, user_id: writer }]],
      [inPost],
    ]);
  });
});
