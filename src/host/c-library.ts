/** The few functions of the C library that Node.js does not offer, by koffi. */

export type CLibrary = ReturnType<typeof functionsOf>

type Koffi = typeof import('koffi')['default']

let loading: Promise<CLibrary | undefined> | undefined

/** Undefined where it cannot be had: not on Linux, whose numbers are used throughout, or without koffi. */
export function loadCLibrary(): Promise<CLibrary | undefined> {
  loading ??= load()
  return loading
}

async function load(): Promise<CLibrary | undefined> {
  if (process.platform !== 'linux') return undefined
  try {
    const { default: koffi } = await import('koffi')
    return functionsOf(koffi)
  } catch {
    return undefined
  }
}

/** Each gives 0 or more, and -1 with an error, but for those that are said to differ. */
function functionsOf(koffi: Koffi) {
  const library = koffi.load(null)
  return {
    /** Declares one more function, in the notation of C. */
    declare: (prototype: string) => library.func(prototype),
    errorNumber: () => koffi.errno(),
    close: library.func('int close(int fd)'),
    pipe: library.func('int pipe2(_Out_ int *pair, int flags)'),
    /** Variadic: the type of the third argument goes before it. */
    control: library.func('int fcntl(int fd, int command, ...)'),
    /** Options of this process; what a further argument means depends on the first. */
    processControl: library.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)'),
    /** Two 64-bit numbers, soft and hard; on systems of 64 bits alone. */
    limits: library.func('int prlimit(int pid, int resource, const void *fresh, void *old)'),
    /** The end of a child, which is left to be collected where the options say so. */
    waitId: library.func('int waitid(int type, uint id, void *information, int options)'),
    /** Gives the process id once it has ended, and 0 before. */
    wait: library.func('int waitpid(int pid, _Out_ int *status, int options)'),
    systemCall: library.func('long syscall(long number, long a, long b, long c, long d)'),
  }
}
