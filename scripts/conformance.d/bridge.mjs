// Streamable HTTP in front of a server that speaks over stdio, for the conformance suite, which knows only HTTP.
//
//   node bridge.mjs PORT_FILE -- COMMAND ARGS…
//
// Listens on a free port of 127.0.0.1 and writes its URL into PORT_FILE. With a handshake each HTTP session has a
// process of its own; requests that bring their own revision share one process. Nothing is repaired and nothing is
// hidden: messages pass as they are, but for ids, which the suite uses twice, and which are given back as they came.
// A line of the server that is not JSON is told on stderr as NOT JSON. Ends with its stdin, and its processes with it.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const PREFIX = 'io.modelcontextprotocol/';
const VERSION = PREFIX + 'protocolVersion';
const SUBSCRIPTION = PREFIX + 'subscriptionId';
const STATELESS = '2026-07-28';
const LOCAL = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
// Errors that HTTP shows in its status, where the revision says so.
const HEADER_MISMATCH = -32020;
const BAD_REQUEST = new Set([HEADER_MISMATCH, -32021, -32022]);

const [portFile, , command, ...args] = process.argv.slice(2);

/** One process of the server, and the requests that it has not answered. */
class Server {
  constructor() {
    this.open = new Map(); // our id → Exchange, oldest first
    this.unheard = []; // what came while nobody listened
    this.listener = null; // the stream of a GET
    this.isGone = false;
    this.sent = 0;
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.stdin.on('error', () => {});
    this.process.on('exit', code => {
      this.isGone = true;
      for (const exchange of this.open.values()) exchange.fail(code);
      this.open.clear();
    });
    createInterface({ input: this.process.stdout }).on('line', line => this.hear(line));
  }

  say(message) {
    this.process.stdin.write(JSON.stringify(message) + '\n');
  }

  request(message, exchange) {
    const id = `bridge-${++this.sent}`;
    exchange.id = id;
    this.open.set(id, exchange);
    this.say({ ...message, id });
  }

  /** Somebody hung up. */
  abandon(exchange) {
    if (!this.open.delete(exchange.id)) return;
    this.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: exchange.id } });
  }

  /** A notification, with the ids that this process knows. */
  notify(message) {
    const requestId = message.params?.requestId;
    const named = [...this.open.values()].find(exchange => exchange.clientId === requestId);
    if (requestId !== undefined && named) message.params.requestId = named.id;
    this.say(message);
  }

  hear(line) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      console.error('NOT JSON:', line.slice(0, 200));
      return;
    }
    const answered = message.method === undefined ? this.open.get(message.id) : undefined;
    if (answered) {
      this.open.delete(message.id);
      answered.end(restored(message, answered));
      return;
    }
    const exchange = this.whose(message);
    if (exchange) exchange.push(restored(message, exchange));
    else if (this.listener) event(this.listener, message);
    else this.unheard.push(message);
  }

  /** The request that a message of the server belongs to. */
  whose(message) {
    const stream = message.params?._meta?.[SUBSCRIPTION];
    if (stream !== undefined) return this.open.get(stream);
    const open = [...this.open.values()].filter(exchange => !exchange.isStream);
    const token = message.params?.progressToken;
    if (token !== undefined) return open.find(exchange => exchange.token === token);
    return open.at(-1);
  }
}

/** A message with the id that the client used. */
function restored(message, exchange) {
  const holder = message.result?._meta ?? message.params?._meta;
  if (holder?.[SUBSCRIPTION] === exchange.id) holder[SUBSCRIPTION] = exchange.clientId;
  if (message.id === exchange.id) message.id = exchange.clientId;
  return message;
}

/** One POST that waits for its answer: JSON, or a stream of events once something comes before it. */
class Exchange {
  constructor(response, message, isStateless, headers) {
    Object.assign(this, { response, isStateless, headers });
    this.clientId = message.id;
    this.token = message.params?._meta?.progressToken;
    this.isStream = message.method === 'subscriptions/listen';
  }

  push(message) {
    openEvents(this.response, this.headers);
    event(this.response, message);
  }

  end(message) {
    if (this.response.headersSent) {
      event(this.response, message);
      this.response.end();
    } else {
      reply(this.response, this.isStateless ? statusOf(message.error) : 200, message, this.headers);
    }
  }

  fail(code) {
    if (this.response.headersSent) this.response.end();
    else reply(this.response, 502, failure(this.clientId, -32603, `the server has ended with ${code}`));
  }
}

function statusOf(error) {
  if (error?.code === -32601) return 404;
  const isAboutMeta = error?.code === -32602 && error.message.includes('_meta');
  return isAboutMeta || BAD_REQUEST.has(error?.code) ? 400 : 200;
}

function openEvents(response, headers = {}) {
  if (response.headersSent) return;
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache', ...headers });
  response.flushHeaders();
}

function event(response, message) {
  response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
}

function reply(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(body === undefined ? '' : JSON.stringify(body));
}

function failure(id, code, message) {
  return { jsonrpc: '2.0', ...(id === undefined ? {} : { id }), error: { code, message } };
}

const sessions = new Map();
let shared = null;

function post(request, response, text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return reply(response, 400, failure(undefined, -32700, 'Parse error'));
  }
  const inBody = message.params?._meta?.[VERSION];
  const inHeader = request.headers['mcp-protocol-version'];
  const isStateless = inBody !== undefined || inHeader >= STATELESS;
  let server;
  let headers = {};
  if (isStateless) {
    if (inBody !== undefined && inBody !== inHeader) {
      return reply(response, 400, failure(message.id, HEADER_MISMATCH, 'The header names another revision'));
    }
    if (!shared || shared.isGone) shared = new Server();
    server = shared;
  } else if (message.method === 'initialize') {
    const session = randomUUID();
    server = new Server();
    sessions.set(session, server);
    headers = { 'Mcp-Session-Id': session };
  } else {
    const session = request.headers['mcp-session-id'];
    server = sessions.get(session);
    if (!server) return reply(response, session ? 404 : 400, failure(message.id, -32600, 'No such session'));
  }
  if (message.method === undefined || message.id === undefined) {
    if (message.method === undefined) server.say(message);
    else server.notify(message);
    response.writeHead(202);
    return response.end();
  }
  const exchange = new Exchange(response, message, isStateless, headers);
  response.on('close', () => server.abandon(exchange));
  server.request(message, exchange);
}

function listen(request, response) {
  const session = request.headers['mcp-session-id'];
  const server = sessions.get(session);
  if (!server) return reply(response, session ? 404 : 405, failure(undefined, -32600, 'No such session'));
  openEvents(response);
  server.listener = response;
  for (const message of server.unheard.splice(0)) event(response, message);
  response.on('close', () => {
    if (server.listener === response) server.listener = null;
  });
}

function close(request, response) {
  const session = request.headers['mcp-session-id'];
  const server = sessions.get(session);
  if (!server) return reply(response, 404, failure(undefined, -32600, 'No such session'));
  sessions.delete(session);
  server.process.stdin.end();
  reply(response, 200);
}

const http = createServer((request, response) => {
  const { host = '', origin } = request.headers;
  if (!LOCAL.test(host) || (origin && !LOCAL.test(origin.replace(/^https?:\/\//, '')))) {
    return reply(response, 403, failure(undefined, -32600, 'Not a local client'));
  }
  if (request.method === 'GET') return listen(request, response);
  if (request.method === 'DELETE') return close(request, response);
  if (request.method !== 'POST') return reply(response, 405);
  let text = '';
  request.setEncoding('utf8').on('data', piece => (text += piece)).on('end', () => post(request, response, text));
});

http.listen(0, '127.0.0.1', () => {
  writeFileSync(portFile + '.new', `http://localhost:${http.address().port}/mcp`);
  renameSync(portFile + '.new', portFile);
});

process.stdin.resume().on('end', () => {
  for (const server of [...sessions.values(), ...(shared ? [shared] : [])]) server.process.kill();
  process.exit(0);
});
