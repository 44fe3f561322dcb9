// Apple's push service as far as a provider sees it: HTTP/2 over TLS with a client certificate, POST /3/device/TOKEN. Each request is
// one line of JSON on standard output. Standard input says how to answer: {"token": T, "status": S, "body": {...}, "wait": ms}; without
// "token" it is for all that have no answer of their own.
//   node apple_push_service.mjs PORT CHAIN KEY CLIENT-CA ANSWER
import fs from "node:fs";
import http2 from "node:http2";
import readline from "node:readline";

const [port, chain, key, ca, first] = process.argv.slice(2);
const answers = new Map([[undefined, JSON.parse(first)]]);
let connections = 0;
const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");

const server = http2.createSecureServer({
  cert: fs.readFileSync(chain), key: fs.readFileSync(key), ca: fs.readFileSync(ca), requestCert: true, rejectUnauthorized: true, allowHTTP1: false,
});
server.on("session", (session) => {
  const number = ++connections;
  session.number = number;
  const subject = session.socket.getPeerCertificate().subject;
  tell({ connection: number, protocol: session.alpnProtocol, client: subject.UID ?? null });
});
server.on("stream", (stream, headers) => {
  let body = "";
  stream.setEncoding("utf8");
  stream.on("data", (piece) => { body += piece; });
  stream.on("error", () => {});
  stream.on("end", () => {
    const token = headers[":path"].split("/").pop();
    const answer = answers.get(token) ?? answers.get(undefined);
    const named = Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("apns-") || name === "content-type"));
    tell({ method: headers[":method"], path: headers[":path"], headers: named, body, connection: stream.session.number, status: answer.status });
    setTimeout(() => {
      if (stream.destroyed) return;
      stream.respond({ ":status": answer.status, "apns-id": "0" });
      stream.end(answer.body ? JSON.stringify(answer.body) : undefined);
    }, answer.wait ?? 0);
  });
});
server.on("tlsClientError", (error) => tell({ refused: String(error.code ?? error.message) }));
server.listen(Number(port), "127.0.0.1", () => tell({ listening: Number(port) }));
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { token, ...answer } = JSON.parse(line);
  answers.set(token, answer);
  tell({ set: token ?? null });
}).on("close", () => process.exit(0));
