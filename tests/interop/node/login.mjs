// Logs in once with imapflow: {host, port, ca, user, password | token, method} on standard input. Exit status 0: in.
import { readFileSync } from 'node:fs'
import { ImapFlow } from 'imapflow'

const options = JSON.parse(readFileSync(0, 'utf8'))
const auth = options.token ? { user: options.user, accessToken: options.token } : { user: options.user, pass: options.password, loginMethod: options.method }
const client = new ImapFlow({ host: options.host, port: options.port, secure: true, auth, logger: false, tls: { ca: readFileSync(options.ca), host: options.host } })
client.on('error', () => {})
try {
  await client.connect()
  await client.logout()
} catch (error) {
  console.error(error.responseText ?? error.message)
  process.exit(1)
}
