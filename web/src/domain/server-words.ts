import { sentence, type MessageId, type Values } from '../i18n/index.ts';

/** What the server says in English of a source, and advises: the words, their sentence here, and the names of what stands in between. */
export const SERVER_WORDS: readonly [words: RegExp, id: MessageId, names: readonly string[]][] = [
  [/^Redis (\S+) \((\w+)\) at (.+)$/, 'said.connected', ['version', 'mode', 'url']],
  [/^everything that Vigie asked for is allowed$/, 'said.allowed', []],
  [/^(\d+) queues?$/, 'said.queues', ['n']],
  [/^no asynq queue in database (\d+) \(no asynq:queues\)$/, 'said.noQueue', ['database']],
  [/^no queue in database (\d+)$/, 'said.noQueue', ['database']],
  [/^no queue in database (\d+) under the prefix (.+)$/, 'said.noQueueUnder', ['database', 'prefix']],
  [/^no queue yet; the keys are still being looked through$/, 'said.looking', []],
  [/^queues cannot be looked for: SCAN is forbidden$/, 'said.noScan', []],
  [/^job events are read: totals and durations are exact$/, 'said.events', []],
  [/^asynq has no job events: types and durations are sampled$/, 'said.noEvents', []],
  [/^no queue yet whose jobs could be followed$/, 'said.noneToFollow', []],
  [/^CLIENT LIST may be read$/, 'said.clientList', []],
  [/^the workers of Bull and BullMQ cannot be seen: CLIENT LIST is forbidden$/, 'said.noClientList', []],
  [/^waiting for (\S+)$/, 'said.waiting', ['url']],
  [/^(\S+): connection refused$/, 'said.refused', ['place']],
  [/^(\S+): no answer within ([\d.]+) s: the server hangs or the network drops packets$/, 'said.hangs', ['place', 'seconds']],
  [/^(\S+): the server closed the connection$/, 'said.closed', ['place']],
  [/^(\S+): wrong user or password$/, 'said.wrongPassword', ['place']],
  [/^(\S+): a password is required$/, 'said.password', ['place']],
  [/^(\S+): unknown host$/, 'said.unknownHost', ['place']],
  [/^(\S+): user (\S+) may not use (?:the command )(.+)$/, 'said.forbidden', ['place', 'user', 'command']],
  [/^(\S+): the server is loading its data from disk$/, 'said.loading', ['place']],
  [/^is Redis running, and are host and port right\?$/, 'hint.refused', []],
  [/^check user and password; the user of a plain requirepass is default$/, 'hint.wrongPassword', []],
  [/^check the host in the url, and the DNS of this machine$/, 'hint.unknownHost', []],
  [/^it answers again by itself when it is done$/, 'hint.later', []],
  [/^a Redis with TLS needs rediss:\/\/; else see the server's log$/, 'hint.tls', []],
];

/** The server's words in the language on the screen; as they are where they are not known here. */
export function inWords(text: string): string {
  for (const [words, id, names] of SERVER_WORDS) {
    const found = words.exec(text);
    if (!found) continue;
    const values: Values = Object.fromEntries(names.map((name, i) => [name, name === 'n' ? Number(found[i + 1]) : found[i + 1]]));
    return sentence(id, values);
  }
  return text;
}
