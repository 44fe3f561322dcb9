// What imapflow sees of a mailbox: options come as JSON on standard input; prints JSON.
import { readFileSync } from 'node:fs';
import { ImapFlow } from 'imapflow';

const o = JSON.parse(readFileSync(0, 'utf8'));
const client = new ImapFlow({
  host: o.host, port: o.port, secure: true, logger: false,
  tls: { ca: readFileSync(o.ca) }, auth: { user: o.user, pass: o.password },
});
await client.connect();
const seen = { mailboxes: (await client.list()).map((m) => [m.path, m.specialUse ?? '']), messages: 0, octets: 0, structures: 0 };
const lock = await client.getMailboxLock(o.mailbox);
try {
  for await (const m of client.fetch('1:*', { uid: true, flags: true, envelope: true, bodyStructure: true, size: true, internalDate: true })) {
    seen.messages += 1;
    seen.octets += m.size;
    if (m.bodyStructure && m.bodyStructure.type) seen.structures += 1;
  }
  seen.found = (await client.search({ header: { subject: o.subject } }, { uid: true })).length;
  const last = await client.fetchOne('*', { source: true });
  seen.source = last.source.length;
  await client.messageFlagsAdd('*', ['\\Flagged', '$Imapflow']);
  seen.flags = [...(await client.fetchOne('*', { flags: true })).flags].sort();
} finally {
  lock.release();
}
await client.logout();
console.log(JSON.stringify(seen));
