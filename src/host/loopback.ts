/** Whether a host name or address, as a setting or a URL has it, can only mean the machine itself. */
export function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)
}

/** Whether what is sent to this address crosses a network where others can read it. */
export function isPlaintextElsewhere(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !isLoopback(hostname)
}
