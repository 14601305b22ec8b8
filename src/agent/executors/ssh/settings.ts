import { homedir } from 'node:os'
import { join } from 'node:path'

/** An SSH target: where it is, who logs in, and what proves either side to the other. */
export type SshSettings = {
  host: string
  port: number
  username: string
  password?: string | undefined
  /** A private key, OpenSSH or PEM; `~/` means the agent's home. */
  keyPath?: string | undefined
  keyPassphrase?: string | undefined
  /** For one attempt to connect, and for a command that waits for the connection. */
  timeoutMs: number
  /** How often the server is asked for a sign of life; 15 s. */
  keepaliveMs?: number | undefined
  knownHostsPath: string
  /** `SHA256:…` of the host key; takes the place of the known hosts file. */
  hostFingerprint?: string | undefined
  /** The socket of an ssh agent (SSH_AUTH_SOCK). */
  agentSocket?: string | undefined
}

/** How results name the target: `user@host`, with the port where it is not 22. */
export function targetName({ username, host, port }: SshSettings): string {
  return port === 22 ? `${username}@${host}` : `${username}@${host}:${port}`
}

/** The server as sentences name it. */
export function addressName({ host, port }: SshSettings): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function expandHome(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path
}
