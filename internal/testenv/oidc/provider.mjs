// An OpenID provider for tests, which signs in whoever AS names without asking. It prints "issuer URL".
import http from 'node:http'
import { Provider } from 'oidc-provider'

const { PORT, REDIRECT, PEOPLE, ALG } = process.env
let as = process.env.AS
const people = JSON.parse(PEOPLE)
let handler
const server = http.createServer((request, response) => handler(request, response))
server.listen(Number(PORT), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    pkce: { methods: ['S256'], required: () => true },
    conformIdTokenClaims: process.env.USERINFO === 'yes', // then claims are where userinfo says them, and not in the ID token
    cookies: { keys: ['of the tests'] },
    clients: [{
      client_id: 'rootbound', client_secret: 'a secret of the tests', redirect_uris: [REDIRECT],
      grant_types: ['authorization_code'], id_token_signed_response_alg: ALG,
    }],
    findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (context, interaction) => `/auto/${interaction.uid}` },
    jwks: { keys: JSON.parse(process.env.KEYS) },
  })
  const callback = provider.callback()
  handler = async (request, response) => {
    if (request.url.startsWith('/as/')) { // who signs in from now on; "" refuses
      as = request.url.slice('/as/'.length)
      return response.end()
    }
    if (!request.url.startsWith('/auto/')) return callback(request, response)
    const { prompt, params } = await provider.interactionDetails(request, response)
    if (as === '') return provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'no' })
    if (prompt.name === 'login') return provider.interactionFinished(request, response, { login: { accountId: as } })
    const grant = new provider.Grant({ accountId: as, clientId: params.client_id })
    grant.addOIDCScope(params.scope)
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
  }
  console.log(`issuer ${issuer}`)
})
