import type { FrontDoor } from '../fixtures/front-door.js'

/** Pages that are not ours, though some of them look like it, as their browser or an attacker writes them. */
export function foreignOrigins ({ origin, host, port }: FrontDoor): string[] {
  return [
    'https://evil.example', 'null', '', `${origin}.evil.example`, `https://${host}.evil.example:${port}`, `https://evil-${host}:${port}`, `https://evil.${host}:${port}`,
    `http://${host}:${port}`, `https://${host}`, `https://${host}:${port + 1}`, `${origin}/`, origin.toUpperCase(), `${origin}, ${origin}`, `${origin} https://evil.example`,
    `https://user@${host}:${port}`, `http://localhost:${port}`, `https://127.0.0.1:${port}`, 'file://'
  ]
}
