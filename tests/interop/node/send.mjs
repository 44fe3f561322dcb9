// One message by nodemailer; the options come as JSON on standard input.
import { readFileSync } from 'node:fs';
import nodemailer from 'nodemailer';

const o = JSON.parse(readFileSync(0, 'utf8'));
const transport = nodemailer.createTransport({
  host: o.host, port: o.port, secure: o.secure, requireTLS: o.requireTLS, name: 'phone.test',
  tls: { servername: o.servername, ca: readFileSync(o.ca) },
  auth: { user: o.user, pass: o.password }, authMethod: o.method,
});
await transport.sendMail({ envelope: { from: o.sender, to: [o.to] }, raw: o.raw });
transport.close();
