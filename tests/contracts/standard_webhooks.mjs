// Standard Webhooks by node's own crypto: a signer and a verifier that share nothing with ours.
//
//   node standard_webhooks.mjs sign   < cases.json    each case gets "signature" (and "public" for ed25519)
//   node standard_webhooks.mjs verify < cases.json    a list of true and false
//
// A case is {"secret", "id", "timestamp", "body"} and, to verify, "signature"; bodies are base64 when "body_base64".
import { createHmac, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';

const SEED_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex'); // PKCS #8 of an ed25519 key (RFC 8410)
const PUBLIC_HEAD = Buffer.from('302a300506032b6570032100', 'hex'); // SubjectPublicKeyInfo of one

const after = (text, prefix) => Buffer.from(text.slice(prefix.length), 'base64');
const privateKey = (secret) =>
  createPrivateKey({ key: Buffer.concat([SEED_HEAD, after(secret, 'whsk_')]), format: 'der', type: 'pkcs8' });
const publicKey = (text) =>
  createPublicKey({ key: Buffer.concat([PUBLIC_HEAD, after(text, 'whpk_')]), format: 'der', type: 'spki' });
const content = (c) =>
  Buffer.concat([
    Buffer.from(`${c.id}.${c.timestamp}.`),
    c.body_base64 === undefined ? Buffer.from(c.body) : Buffer.from(c.body_base64, 'base64'),
  ]);
const mac = (c) => `v1,${createHmac('sha256', after(c.secret, 'whsec_')).update(content(c)).digest('base64')}`;

function signed(c) {
  if (c.secret.startsWith('whsec_')) return { ...c, signature: mac(c) };
  const key = privateKey(c.secret);
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(PUBLIC_HEAD.length);
  const signature = `v1a,${sign(null, content(c), key).toString('base64')}`;
  return { ...c, public: `whpk_${raw.toString('base64')}`, signature };
}

function fits(c) {
  if (c.secret.startsWith('whsec_')) return mac(c) === c.signature;
  return c.signature.startsWith('v1a,') && verify(null, content(c), publicKey(c.secret), after(c.signature, 'v1a,'));
}

const cases = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(cases.map(process.argv[2] === 'sign' ? signed : fits), null, 2) + '\n');
