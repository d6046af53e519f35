// A small DUI over the npm library openid-client: a protected page, a login through Pro Santé Connect,
// a logout. Plays the hurried vendor: what the library does not verify is not verified. With
// NON_REPUDIATION=1 it asks the library to check signatures too.
//
// Settings come from the environment (see tests/interop/clients.py); the test CA from NODE_EXTRA_CA_CERTS.

import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import * as oidc from 'openid-client'

const { DUI_PORT, PSC_DISCOVERY, PSC_CLIENT_ID, PSC_CLIENT_SECRET, PSC_REDIRECT_URI, NON_REPUDIATION } = process.env
const base = `http://localhost:${DUI_PORT}`
const pending = new Map()
const sessions = new Map()
let known

// PSC's discovery is not at the standard place: read by hand, issuer compared by hand.
async function configuration() {
  if (known) return known
  const answer = await fetch(PSC_DISCOVERY, { redirect: 'error', signal: AbortSignal.timeout(3000) })
  if (!answer.ok) throw new Error(`découverte : statut ${answer.status}`)
  const metadata = await answer.json()
  if (metadata.issuer !== PSC_DISCOVERY.split('/.well-known/')[0]) throw new Error('issuer inattendu dans la découverte')
  const config = new oidc.Configuration(metadata, PSC_CLIENT_ID, PSC_CLIENT_SECRET)
  config.timeout = 3
  if (NON_REPUDIATION === '1') oidc.enableNonRepudiationChecks(config)
  known = config
  return config
}

const escaped = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
const page = (status, body, headers = {}) => ({
  status,
  headers: { 'Content-Type': 'text/html; charset=utf-8', ...headers },
  body: `<!doctype html><meta charset=utf-8><body>${body}`,
})
const go = (to, headers = {}) => page(302, '', { Location: String(to), ...headers })

function cookie(request, name) {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, ...value] = pair.trim().split('=')
    if (key === name) return value.join('=')
  }
}

async function login() {
  const config = await configuration()
  const verifier = oidc.randomPKCECodeVerifier()
  const state = oidc.randomState()
  const nonce = oidc.randomNonce()
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: PSC_REDIRECT_URI,
    scope: 'openid scope_all',
    acr_values: 'eidas1',
    state,
    nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const id = randomBytes(24).toString('base64url')
  pending.set(id, { verifier, state, nonce })
  return go(url.href, { 'Set-Cookie': `attente=${id}; Path=/; Secure; HttpOnly; SameSite=Lax` })
}

async function callback(request, url) {
  const id = cookie(request, 'attente')
  const expected = pending.get(id)
  if (!expected) throw new Error('aucune connexion en cours dans ce navigateur')
  pending.delete(id)
  const config = await configuration()
  const tokens = await oidc.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: expected.verifier,
    expectedState: expected.state,
    expectedNonce: expected.nonce,
    idTokenExpected: true,
  })
  const user = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  const key = randomBytes(24).toString('base64url')
  sessions.set(key, { user, idToken: tokens.id_token })
  return go('/', { 'Set-Cookie': `session=${key}; Path=/; Secure; HttpOnly; SameSite=Lax` })
}

async function logout(request) {
  const key = cookie(request, 'session')
  const session = sessions.get(key)
  if (!session) return go('/')
  sessions.delete(key)
  return go(
    oidc.buildEndSessionUrl(await configuration(), {
      id_token_hint: session.idToken,
      post_logout_redirect_uri: `${base}/`,
    }).href,
  )
}

function home(request) {
  const session = sessions.get(cookie(request, 'session'))
  if (!session) return page(401, '<a href=/connexion/psc>Pro Santé Connect</a>')
  const { SubjectNameID = '', given_name = '', family_name = '' } = session.user
  return page(200, `<main data-idnat="${escaped(SubjectNameID)}">${escaped(given_name)} ${escaped(family_name)}</main>`)
}

const pages = { '/': home, '/connexion/psc': login, '/connexion/psc/retour': callback, '/deconnexion': logout }

createServer(async (request, response) => {
  const url = new URL(request.url, base)
  let answer
  try {
    const serve = pages[url.pathname]
    answer = serve ? await serve(request, url) : page(404, 'page inconnue')
  } catch (error) {
    const said = [error.code, error.message, error.cause?.message].filter(Boolean).join(' : ')
    console.error(`refus : ${said}`)
    answer = page(403, `<p>La connexion a échoué : ${escaped(said)}</p>`)
  }
  response.writeHead(answer.status, answer.headers).end(answer.body)
}).listen(Number(DUI_PORT), '127.0.0.1')
