import { generate } from 'selfsigned'

export type Signed = { cert: string; private: string }

/** A root of one's own, and a certificate that it signed for these names and IP addresses. */
export async function certificatesFor(
  names: string[],
  addresses: string[] = [],
): Promise<{ root: Signed; host: Signed }> {
  const root = await generate([{ name: 'commonName', value: 'a root of our own' }], {
    keySize: 2048,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true },
    ],
  })
  const host = await generate([{ name: 'commonName', value: names[0] ?? 'host' }], {
    keySize: 2048,
    ca: { key: root.private, cert: root.cert },
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          ...addresses.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  })
  return { root, host }
}
