import { BlockList } from 'node:net'

/** Whether an address is one of these networks. */
export function networks(list: string[]): (address: string) => boolean {
  const known = new BlockList()
  for (const one of list) {
    const [address = '', bits] = one.split('/')
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    if (bits === undefined) known.addAddress(address, family)
    else known.addSubnet(address, Number(bits), family)
  }
  return (address) => known.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
}
