/* oxlint-disable max-lines-per-function -- tables of cases, one a line */
import type { Chance } from '@spate/runtime/chance'

/** One thing to say to a server: packets, each a string of bytes (latin1). */
export interface Case {
  readonly name: string
  readonly packets: readonly string[]
}

const one = (name: string, text: string): Case => ({ name, packets: [text] })
const get = 'GET / HTTP/1.1\r\n'
const post = 'POST / HTTP/1.1\r\n'
const host = 'Host: a\r\n'
const lines = (...texts: readonly string[]): string => `${texts.join('\r\n')}\r\n\r\n`

/** Requests somebody once smuggled, or that stand at the edge of the grammar. */
export function writtenCases(): Case[] {
  return [...framingCases(), ...grammarCases(), ...targetCases(), ...plainCases()]
}

/** Two readings of where a body ends (RFC 9112 sections 6.1 to 6.3, 7.1, 11.2). */
function framingCases(): Case[] {
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
  const chunked = 'Transfer-Encoding: chunked\r\n'
  const framed = (headers: string, body: string): string => `${post}${host}${headers}\r\n${body}`
  const length = (value: string): Case =>
    one(`length ${JSON.stringify(value)}`, framed(`Content-Length: ${value}\r\n`, 'abcde'))
  const coding = (value: string): Case =>
    one(
      `coding ${JSON.stringify(value)}`,
      framed(`Transfer-Encoding:${value}\r\n`, `0\r\n\r\n${smuggled}`),
    )
  const chunks = (body: string): Case =>
    one(`chunks ${JSON.stringify(body)}`, framed(chunked, body))
  return [
    one('CL.TE', framed(`Content-Length: 6\r\n${chunked}`, `0\r\n\r\nX${smuggled}`)),
    one('TE.CL', framed(`${chunked}Content-Length: 4\r\n`, `2c\r\n${smuggled}\r\n0\r\n\r\n`)),
    one('CL.CL same', framed('Content-Length: 5\r\nContent-Length: 5\r\n', 'abcde')),
    one('CL.CL different', framed('Content-Length: 5\r\nContent-Length: 6\r\n', 'abcdef')),
    one('CL.0 get', `${get}${host}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`),
    one('0.CL', `${get}${host}Content-Length : 10\r\n\r\n${smuggled}`),
    one('TE.TE', framed(`${chunked}Transfer-Encoding: identity\r\n`, `0\r\n\r\n${smuggled}`)),
    one('TE in HTTP/1.0', `POST / HTTP/1.0\r\n${host}${chunked}\r\n0\r\n\r\n${smuggled}`),
    ...['0', '5', '05', '005', '00', '+5', '-5', '-0', ' 5', '5 ', '5\t', '\t5', '5,5', '5, 5'].map(
      length,
    ),
    ...['', ' ', '5 5', '0x5', '5e0', '5.0', '1_0', 'five', '５', '99999999999999999999'].map(
      length,
    ),
    ...['18446744073709551616', '9007199254740993', '4294967301', '5;', '"5"', '5\u00a0'].map(
      length,
    ),
    ...[' chunked', 'chunked', ' CHUNKED', ' chunked ', '\tchunked', ' chunked,', ' ,chunked'].map(
      coding,
    ),
    ...[' xchunked', ' chunkedx', ' chunk', ' identity', ' gzip', ' gzip, chunked', ''].map(coding),
    ...[' chunked, identity', ' chunked, chunked', ' "chunked"', '\x0bchunked', ' chunked\0'].map(
      coding,
    ),
    ...[' chunked\r\n x', '\r\n chunked', ' chunked;q=1', " 'chunked'", ' chunked\x7f'].map(coding),
    ...[
      '0\r\n\r\n',
      '3\r\nabc\r\n0\r\n\r\n',
      '3\r\nabc\r\n00\r\n\r\n',
      '03\r\nabc\r\n0\r\n\r\n',
    ].map(chunks),
    ...[
      '3;x\r\nabc\r\n0\r\n\r\n',
      '3;x=y\r\nabc\r\n0\r\n\r\n',
      '3;x="y;z"\r\nabc\r\n0\r\n\r\n',
    ].map(chunks),
    ...[
      '3 \r\nabc\r\n0\r\n\r\n',
      ' 3\r\nabc\r\n0\r\n\r\n',
      '0x3\r\nabc\r\n0\r\n\r\n',
      '+3\r\nabc',
    ].map(chunks),
    ...['-1\r\n', 'g\r\n', '\r\n', ';\r\nabc', 'ffffffffffffffff1\r\n', '3\nabc\n0\n\n'].map(
      chunks,
    ),
    ...['3\rabc\r\n0\r\n\r\n', '3\r\nabcd\r\n0\r\n\r\n', '3\r\nab\r\n0\r\n\r\n', '0\r\n\n'].map(
      chunks,
    ),
    ...[
      '3;\n\r\nabc\r\n0\r\n\r\n',
      '3;a\nb\r\nabc\r\n0\r\n\r\n',
      '0\n\r\n',
      '0\r\nX: y\r\n\r\n',
    ].map(chunks),
    ...[
      '0\r\nContent-Length: 5\r\n\r\n',
      '0\r\nX y\r\n\r\n',
      '0\r\nTransfer-Encoding: x\r\n\r\n',
    ].map(chunks),
    ...[
      'Transfer-Encoding : chunked',
      'Transfer_Encoding: chunked',
      ' Transfer-Encoding: chunked',
      'Transfer-Encoding\t: chunked',
      'Transfer-Encoding\0: chunked',
      'X: y\rTransfer-Encoding: chunked',
      'X: y\nTransfer-Encoding: chunked',
      'X: y\r\r\nTransfer-Encoding: chunked',
      'X: y\0\r\nTransfer-Encoding: chunked',
      'transfer-encoding: chunked\r\nTransfer-Encoding: chunked',
      'Content-Length: 3\r\ntransfer-encoding: chunked',
      'Content_Length: 3\r\nContent-Length: 5',
      'content-length: 5\r\nContent-Length : 3',
    ].map((text) =>
      one(`framing ${JSON.stringify(text)}`, framed(`${text}\r\n`, `0\r\n\r\n${smuggled}`)),
    ),
    one('length without a body', framed('Content-Length: 5\r\n', '')),
    one('body longer than its length', framed('Content-Length: 2\r\n', 'abcde')),
    one('no length', framed('', 'abcde')),
  ]
}

/** The request line and the header section (RFC 9112 sections 2 to 5). */
function grammarCases(): Case[] {
  const header = (text: string): Case =>
    one(`header ${JSON.stringify(text)}`, `${get}${host}${text}\r\n\r\n`)
  const line = (text: string): Case => one(`line ${JSON.stringify(text)}`, `${text}\r\n${host}\r\n`)
  const controls = Array.from({ length: 33 }, (_, code) =>
    String.fromCharCode(code === 32 ? 127 : code),
  )
  return [
    ...['X:y', 'X:', 'X: ', 'X:\ty\t', 'X : y', 'X\t: y', ': y', 'X y', ' X: y', 'X', 'X;: y'].map(
      header,
    ),
    ...['X: y\r\n z', 'X: y\r\n\tz', 'X: \r\n z', 'X@: y', 'X(: y', '"X": y', 'X: é', 'Xé: y'].map(
      header,
    ),
    ...controls.flatMap((char) => [header(`X: a${char}b`), header(`X${char}Y: b`)]),
    ...controls.flatMap((char) => [header(`X: ${char}`), header(`${char}X: b`)]),
    ...[
      'GET / HTTP/1.1',
      'GET  / HTTP/1.1',
      'GET / HTTP/1.1 ',
      ' GET / HTTP/1.1',
      'GET /  HTTP/1.1',
    ].map(line),
    ...[
      'get / HTTP/1.1',
      'Get / HTTP/1.1',
      'GETT / HTTP/1.1',
      'G / HTTP/1.1',
      'FOO / HTTP/1.1',
    ].map(line),
    ...[
      'GET / http/1.1',
      'GET / HTTP/1.2',
      'GET / HTTP/1.',
      'GET / HTTP/11',
      'GET / HTTP/1.10',
    ].map(line),
    ...['GET / HTTP/2.0', 'GET / HTTP/0.9', 'GET /', 'GET', 'GET / HTTP 1.1', 'GET / ICE/1.0'].map(
      line,
    ),
    ...['GET / HTTP/1.0', 'GET\t/\tHTTP/1.1', 'GET /\0 HTTP/1.1', 'GET /\t HTTP/1.1'].map(line),
    ...['M-SEARCH / HTTP/1.1', 'PROPFIND / HTTP/1.1', 'QUERY / HTTP/1.1', 'TRACE / HTTP/1.1'].map(
      line,
    ),
    ...['PRI * HTTP/2.0\r\n\r\nSM', 'SOURCE / HTTP/1.1', 'PURGE / HTTP/1.1', 'P / HTTP/1.1'].map(
      line,
    ),
    one('bare LF everywhere', 'GET / HTTP/1.1\nHost: a\n\n'),
    one('bare LF behind the line', 'GET / HTTP/1.1\nHost: a\r\n\r\n'),
    one('bare LF behind a header', 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n'),
    one('bare LF at the end', 'GET / HTTP/1.1\r\nHost: a\r\n\n'),
    one('bare CR everywhere', 'GET / HTTP/1.1\rHost: a\r\r'),
    one('bare CR behind the line', 'GET / HTTP/1.1\rHost: a\r\n\r\n'),
    one('CR CR LF', 'GET / HTTP/1.1\r\r\nHost: a\r\n\r\n'),
    one('CR at the end', 'GET / HTTP/1.1\r\nHost: a\r\n\r'),
    one('empty lines first', `\r\n\r\n${get}${host}\r\n`),
    one('LF first', `\n${get}${host}\r\n`),
    one('CR first', `\r${get}${host}\r\n`),
    one('blank first', ` ${get}${host}\r\n`),
    one('empty line between', `${get}${host}\r\n\r\n${get}${host}\r\n`),
    one('nothing', ''),
    one('noise', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'),
    one('half a line', 'GET / HT'),
    one('half a header', `${get}Hos`),
    one('no empty line', `${get}${host}`),
    one('a folded first header', `${get} Host: a\r\n\r\n`),
    one('99 headers', `${get}${host}${'X: y\r\n'.repeat(98)}\r\n`),
    one('a long value', `${get}${host}X: ${'y'.repeat(4000)}\r\n\r\n`),
  ]
}

/** Targets and hosts (RFC 9112 section 3.2). */
function targetCases(): Case[] {
  const target = (text: string): Case =>
    one(`target ${JSON.stringify(text)}`, `GET ${text} HTTP/1.1\r\n${host}\r\n`)
  const named = (...hosts: readonly string[]): Case =>
    one(`host ${JSON.stringify(hosts)}`, lines('GET / HTTP/1.1', ...hosts))
  return [
    ...[
      '/',
      '/a?b',
      '/?',
      '/??',
      '//',
      '//a/b',
      '/a//b',
      '/./../a',
      '/%2e%2e/a',
      '/a;b',
      '/a\\b',
    ].map(target),
    ...['/#f', '/a#f?b', '/a?b#f', '/"<>^`{|}', "/'()*+,;=:@!$&", '/é', '/%', '/%zz', '/\x7f'].map(
      target,
    ),
    ...[
      '*',
      'a',
      'a:80',
      '?',
      '',
      'http://a/',
      'http://a',
      'http://a/x?y',
      'http://b/',
      'HTTP://A/',
    ].map(target),
    ...[
      'http://a:80/',
      'http://user@a/',
      'http:///x',
      'http://',
      'https://a/',
      'ftp://a/',
      'a://a/',
    ].map(target),
    ...['http://[::1]/', 'http://a?x', 'http://a#x', 'http:/a', '/http://b/', 'http://a\\@b/'].map(
      target,
    ),
    ...['OPTIONS *', 'OPTIONS /', 'CONNECT a:443', 'CONNECT /', 'HEAD *'].map((text) =>
      one(`form ${text}`, `${text} HTTP/1.1\r\n${host}\r\n`),
    ),
    named(),
    named('Host:'),
    named('Host: a', 'Host: a'),
    named('Host: a', 'Host: b'),
    named('Host: a', 'host: b'),
    named('Host: a, b'),
    named('Host: a b'),
    named('Host: a:80'),
    named('Host: a:x'),
    named('Host: A.Test:8080'),
    named('Host: [::1]:80'),
    named('Host: [::1'),
    named('Host: user@a'),
    named('Host: a/b'),
    named('Host: a?b'),
    named('Host: a#b'),
    named('Host: a\\b'),
    named('Host: é'),
    named('Host: a%00'),
    named('Host: a.'),
    named('Host: ..'),
    named('Host : a'),
    named('Host\t: a'),
    named(' Host: a'),
    named('X: y', ' Host: a'),
    named('Host: a', ' b'),
    named('Hos\0t: a'),
    named('Host: a', 'X-Forwarded-Host: b'),
    one('HTTP/1.0 without host', 'GET / HTTP/1.0\r\n\r\n'),
    one('HTTP/1.0 keep-alive', 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'),
    one('absolute HTTP/1.0', 'GET http://a/x HTTP/1.0\r\n\r\n'),
  ]
}

/** What ordinary clients send. */
export function plainCases(): Case[] {
  return [
    one('get', `${get}${host}\r\n`),
    one('head', `HEAD /h HTTP/1.1\r\n${host}\r\n`),
    one('options', `OPTIONS /o HTTP/1.1\r\n${host}\r\n`),
    one('delete', `DELETE /d?x=1 HTTP/1.1\r\n${host}\r\n`),
    one('put', `PUT /p HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`),
    one('patch', `PATCH /p HTTP/1.1\r\n${host}content-length:3\r\n\r\nabc`),
    one('post', `${post}${host}Content-Length: 5\r\n\r\nhello`),
    one('post nothing', `${post}${host}Content-Length: 0\r\n\r\n`),
    one('post chunked', `${post}${host}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`),
    one('get close', `${get}${host}Connection: close\r\n\r\n`),
    one('get keep-alive', `${get}${host}Connection: Keep-Alive\r\n\r\n`),
    one('get both', `${get}${host}Connection: keep-alive, close\r\n\r\n`),
    one('get te', `${get}${host}Connection: TE\r\nTE: trailers\r\n\r\n`),
    one('upgrade', `${get}${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`),
    one('upgrade h2c', `${get}${host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n`),
    one('expect', `${post}${host}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok`),
    one('expect other', `${post}${host}Expect: x\r\nContent-Length: 2\r\n\r\nok`),
    one('two connections', `${get}${host}Connection: close\r\nConnection: keep-alive\r\n\r\n`),
    one('cookies', `${get}${host}Cookie: a=1\r\nCookie: b=2\r\nAccept: */*\r\n\r\n`),
    one('trace', `${get}${host}traceparent: 00-${'1'.repeat(32)}-${'2'.repeat(16)}-01\r\n\r\n`),
    one('body 70 KB', `${post}${host}Content-Length: 70000\r\n\r\n${'z'.repeat(70_000)}`),
    one(
      'browser',
      lines(
        'GET /products/42?ref=home HTTP/1.1',
        'Host: shop.test:8080',
        'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
        'Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
        'Accept-Encoding: gzip, deflate, br, zstd',
        'Accept-Language: zh-CN,zh;q=0.9,en;q=0.8',
        'Connection: keep-alive',
        'Cookie: sid=abc; theme=dark',
        'Cache-Control: max-age=0',
      ),
    ),
  ]
}

/** Every short case in two packets, cut at every byte boundary. */
export function splitCases(cases: readonly Case[], lengthMax: number): Case[] {
  return cases.flatMap(({ name, packets }) => {
    const text = packets.join('')
    if (text.length > lengthMax) return []
    return Array.from({ length: Math.max(0, text.length - 1) }, (_, at) => ({
      name: `${name}, cut at ${at + 1}`,
      packets: [text.slice(0, at + 1), text.slice(at + 1)],
    }))
  })
}

/** Some of `cases` one behind another on one connection. */
export function pipelinedCases(cases: readonly Case[], chance: Chance, count: number): Case[] {
  return Array.from({ length: count }, (_, number) => {
    const parts = Array.from({ length: chance.integer(2, 5) }, () => pick(cases, chance))
    return {
      name: `pipeline ${number}: ${parts.map(({ name }) => name).join(' + ')}`,
      packets: [parts.flatMap(({ packets }) => packets).join('')],
    }
  })
}

/** Ordinary requests with a few bytes changed: taken out, doubled, or replaced by awkward ones. */
export function mutatedCases(cases: readonly Case[], chance: Chance, count: number): Case[] {
  const awkward = '\0\t\n\r\x0b\x7f :;,/#?"%*()[]{}\\0159aAzZ-+_\x80\xa0\xff'
  return Array.from({ length: count }, (_, number) => {
    const base = pick(cases, chance)
    let text = base.packets.join('')
    for (let change = chance.integer(1, 3); change > 0 && text.length > 0; change--) {
      const at = chance.integer(0, text.length - 1)
      const char = awkward[chance.integer(0, awkward.length - 1)] as string
      const kind = chance.integer(0, 3)
      const rest = text.slice(kind === 1 ? at : at + 1)
      text =
        text.slice(0, at) +
        (kind === 0 ? '' : kind === 3 ? text.slice(at, at + 1).repeat(2) : char) +
        rest
    }
    return {
      name: `mutation ${number} of ${base.name}: ${JSON.stringify(text.slice(0, 300))}`,
      packets: [text],
    }
  })
}

function pick<T>(values: readonly T[], chance: Chance): T {
  return values[chance.integer(0, values.length - 1)] as T
}
