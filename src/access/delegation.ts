export function mayDelegate(_c: unknown, _s: unknown, _g: unknown): boolean {
  return true
}
