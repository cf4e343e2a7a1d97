import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate of this machine’s loopback names with its key and the authority that signed it, as files. */
export interface TestCertificate {
  readonly certPath: string;
  readonly keyPath: string;
  readonly caPath: string;
  readonly ca: string;
  /** Another certificate of the same authority, as text. */
  again(): { readonly cert: string; readonly key: string };
}

/** Makes an authority and a certificate (X.509 in DER by hand: Node only reads them). */
export function makeCertificate(): TestCertificate {
  const directory = mkdtempSync(join(tmpdir(), 'sidecar-tls-'));
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ca = certify('Test authority', authority.publicKey, 'Test authority', authority.privateKey, [BASIC_CA]);
  const again = (): { cert: string; key: string } => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const cert = certify('localhost', publicKey, 'Test authority', authority.privateKey, [LOOPBACK_NAMES]);
    return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
  };
  const { cert, key } = again();
  const file = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  return { certPath: file('cert.pem', cert), keyPath: file('key.pem', key), caPath: file('ca.pem', ca), ca, again };
}

const tlv = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), content]);
};
const sequence = (...parts: readonly Buffer[]): Buffer => tlv(0x30, ...parts);
const oid = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'));
const utcTime = (date: Date): Buffer =>
  tlv(0x17, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`));
const named = (name: string): Buffer => sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(name)))));
const extension = (id: string, value: Buffer): Buffer =>
  sequence(oid(id), tlv(0x01, Buffer.from([255])), tlv(0x04, value));

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
const BASIC_CA = extension('551d13', sequence(tlv(0x01, Buffer.from([255]))));
const LOOPBACK_NAMES = extension(
  '551d11',
  sequence(
    tlv(0x82, Buffer.from('localhost')),
    tlv(0x87, Buffer.from([127, 0, 0, 1])),
    tlv(0x87, Buffer.from('00000000000000000000000000000001', 'hex')),
  ),
);
const DAY_MS = 86_400_000;

function certify(
  subject: string,
  publicKey: KeyObject,
  issuer: string,
  issuerKey: KeyObject,
  extensions: readonly Buffer[],
): string {
  const nowMs = Date.now();
  const serial = generateSerial();
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, serial),
    ECDSA_SHA256,
    named(issuer),
    sequence(utcTime(new Date(nowMs - DAY_MS)), utcTime(new Date(nowMs + 30 * DAY_MS))),
    named(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = tlv(0x03, Buffer.from([0]), sign('sha256', body, issuerKey));
  const base64 = sequence(body, ECDSA_SHA256, signature).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
}

let made = 0;
function generateSerial(): Buffer {
  made += 1;
  return Buffer.from([1, process.pid & 127, made]);
}
