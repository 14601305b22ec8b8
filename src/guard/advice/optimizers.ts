import type { Command, SyntaxNode, Word } from 'unbash'

/** One replacement in the text of the command. */
export interface Edit {
  readonly from: number
  readonly to: number
  readonly by: string
}

/** One way to write a command better. No edits in the list: advice without a rewrite. */
export interface Optimizer {
  readonly id: string
  readonly why: string
  readonly edits: (node: SyntaxNode, source: string) => readonly Edit[] | undefined
  /** The text before and after; the same text when there is only advice, or nothing to change. */
  readonly examples: readonly (readonly [string, string])[]
}

export const optimizers: readonly Optimizer[] = [
  {
    id: 'useless-cat',
    why: 'A program can read the file itself: cat and a pipe are not needed.',
    edits: pairs((first, second, source) => {
      const file = onlyFile(first)
      if (named(first) !== 'cat' || !file || second.redirects.length > 0 || !named(second)) return undefined
      return [
        { from: first.pos, to: second.pos, by: '' },
        { from: endOfWords(second), to: endOfWords(second), by: ` < ${source.slice(file.pos, file.end)}` },
      ]
    }, 'first'),
    examples: [
      ['cat log | grep error', 'grep error < log'],
      ['cat "a b" | wc -l', 'wc -l < "a b"'],
      ['cat a b | sort', 'cat a b | sort'],
      ['cat *.log | sort', 'cat *.log | sort'],
    ],
  },
  {
    id: 'grep-count',
    why: 'grep -c counts by itself.',
    edits: pairs((first, second) => {
      const name = first.name
      if (!name || !/^[ef]?grep$/.test(named(first)) || named(second) !== 'wc' || second.redirects.length > 0)
        return undefined
      if (second.args.length !== 1 || wordsOf(second)[0]?.value !== '-l') return undefined
      const words = wordsOf(first)
      const options = words.filter((word) => word.value.startsWith('-'))
      if (options.some((word) => word.value.startsWith('--') || /[clLoqrRABCefmHh]/.test(word.value)))
        return undefined
      if (words.length - options.length > 2 || words.slice(1).some((word) => hasPattern(word)))
        return undefined
      return [
        { from: name.end, to: name.end, by: ' -c' },
        { from: endOfWords(first), to: second.end, by: '' },
      ]
    }),
    examples: [
      ['grep -i x f | wc -l', 'grep -c -i x f'],
      ['cat f | grep x | wc -l', 'grep -c x < f'],
      ['grep -o x f | wc -l', 'grep -o x f | wc -l'],
      ['grep x a b | wc -l', 'grep x a b | wc -l'],
    ],
  },
  {
    id: 'sort-unique',
    why: 'sort -u drops repeated lines by itself.',
    edits: pairs((first, second) => {
      const plain =
        named(first) === 'sort' &&
        named(second) === 'uniq' &&
        second.args.length === 0 &&
        second.redirects.length === 0
      if (
        !plain ||
        !first.name ||
        first.redirects.length > 0 ||
        wordsOf(first).some((word) => /^-/.test(word.value))
      )
        return undefined
      return [
        { from: first.name.end, to: first.name.end, by: ' -u' },
        { from: first.end, to: second.end, by: '' },
      ]
    }),
    examples: [
      ['sort f | uniq', 'sort -u f'],
      ['sort f | uniq -c', 'sort f | uniq -c'],
    ],
  },
  {
    id: 'find-print0',
    why: 'Names with blanks or line breaks stay whole with -print0 and xargs -0.',
    edits: pairs((first, second) => {
      if (named(first) !== 'find' || named(second) !== 'xargs' || !second.name) return undefined
      const acts = wordsOf(first).some((word) =>
        /^-(?:print0?|printf|exec|execdir|delete|ls|fprint)/.test(word.value),
      )
      if (
        acts ||
        first.redirects.length > 0 ||
        wordsOf(second).some((word) => /^-(?:0|d|-null|-delimiter|I|L)/.test(word.value))
      )
        return undefined
      return [
        { from: first.end, to: first.end, by: ' -print0' },
        { from: second.name.end, to: second.name.end, by: ' -0' },
      ]
    }),
    examples: [
      ["find . -name '*.log' | xargs gzip", "find . -name '*.log' -print0 | xargs -0 gzip"],
      ['find . -print0 | xargs -0 ls', 'find . -print0 | xargs -0 ls'],
    ],
  },
  {
    id: 'find-exec-plus',
    why: 'With +, the program is started once for many files instead of once for each.',
    edits(node) {
      if (node.type !== 'Command' || named(node) !== 'find') return undefined
      const words = wordsOf(node)
      const at = words.findIndex((word) => word.value === '-exec')
      const end = words.findIndex((word, index) => index > at && word.value === ';')
      const last = words[end]
      const many = /^(?:chmod|chown|chgrp|grep|ls|touch|rm|gzip|stat|file|wc|md5sum|sha256sum)$/.test(
        words[at + 1]?.value ?? '',
      )
      if (at < 0 || end < 0 || !last || !many || words[end - 1]?.value !== '{}') return undefined
      return [{ from: last.pos, to: last.end, by: '+' }]
    },
    examples: [
      ['find . -type f -exec chmod 644 {} \\;', 'find . -type f -exec chmod 644 {} +'],
      ['find . -exec mv {} {}.bak \\;', 'find . -exec mv {} {}.bak \\;'],
    ],
  },
  {
    id: 'for-over-ls',
    why: 'A pattern keeps each name whole; the output of ls is split at blanks.',
    edits(node) {
      const [word] = node.type === 'For' ? (node.wordlist ?? []) : []
      if (node.type !== 'For' || !word || node.wordlist?.length !== 1) return undefined
      const [part] = word.parts ?? []
      if (part?.type !== 'CommandExpansion' || word.parts?.length !== 1) return undefined
      const inner =
        /^(?:\$\(\s*ls(?:\s+([^\s;|&<>$()`'"-][^\s;|&<>$()`'"]*))?\s*\)|`\s*ls(?:\s+([^\s;|&<>$()`'"-][^\s;|&<>$()`'"]*))?\s*`)$/.exec(
          part.text,
        )
      if (!inner) return undefined
      const target = inner[1] ?? inner[2]
      // `ls folder` prints names without the folder, a pattern gives them with it: only what stays the same is rewritten.
      if (target !== undefined && !/[*?[]/.test(target)) return []
      return [{ from: word.pos, to: word.end, by: target ?? '*' }]
    },
    examples: [
      ['for f in $(ls *.txt); do echo "$f"; done', 'for f in *.txt; do echo "$f"; done'],
      ['for f in `ls`; do echo "$f"; done', 'for f in *; do echo "$f"; done'],
      ['for f in $(ls dir); do echo "$f"; done', 'for f in $(ls dir); do echo "$f"; done'],
    ],
  },
  {
    id: 'cd-and',
    why: 'With &&, nothing runs in the wrong folder if cd fails.',
    edits(node, source) {
      if (node.type !== 'Script' && node.type !== 'CompoundList') return undefined
      const edits = node.commands.flatMap((statement, index) => {
        const next = node.commands[index + 1]
        const { command } = statement
        if (!next || statement.background || command.type !== 'Command' || named(command) !== 'cd') return []
        if (next.command.type !== 'Command' || next.background || command.args.length === 0) return []
        const between = source.slice(command.end, next.pos)
        return /^\s*;\s*$/.test(between) ? [{ from: command.end, to: next.pos, by: ' && ' }] : []
      })
      return edits.length > 0 ? edits : undefined
    },
    examples: [
      ['cd build; make', 'cd build && make'],
      ['cd build && make', 'cd build && make'],
    ],
  },
  {
    id: 'old-grep',
    why: 'egrep and fgrep are obsolete names for grep -E and grep -F, and print a warning.',
    edits(node) {
      if (node.type !== 'Command' || !node.name || !/^[ef]grep$/.test(node.name.text)) return undefined
      return [
        { from: node.name.pos, to: node.name.end, by: node.name.text === 'egrep' ? 'grep -E' : 'grep -F' },
      ]
    },
    examples: [
      ['egrep "a|b" f', 'grep -E "a|b" f'],
      ['grep x f', 'grep x f'],
    ],
  },
  {
    id: 'which',
    why: 'command -v is built into every shell and has a reliable exit code; which is not always installed.',
    edits: (node) =>
      node.type === 'Command' && named(node) === 'which' && node.args.length === 1 ? [] : undefined,
    examples: [['which node', 'which node']],
  },
  {
    id: 'ps-grep',
    why: 'pgrep -af finds processes by name without finding itself.',
    edits: pairs((first, second) => (named(first) === 'ps' && named(second) === 'grep' ? [] : undefined)),
    examples: [['ps aux | grep node', 'ps aux | grep node']],
  },
]

type PairEdits = (first: Command, second: Command, source: string) => readonly Edit[] | undefined

/** Calls `edits` with two neighbouring simple commands of a pipeline; `first`: only the two at its beginning. */
function pairs(edits: PairEdits, where: 'first' | 'anywhere' = 'anywhere'): Optimizer['edits'] {
  return (node, source) => {
    if (node.type !== 'Pipeline' || node.operators.some((operator) => operator !== '|')) return undefined
    const last = where === 'first' ? 1 : Math.min(node.commands.length, 64)
    for (let at = 0; at < last; at++) {
      const [first, second] = [node.commands[at], node.commands[at + 1]]
      if (first?.type !== 'Command' || second?.type !== 'Command') continue
      if (first.prefix.length > 0 || second.prefix.length > 0) continue
      const found = edits(first, second, source)
      if (found) return found
    }
    return undefined
  }
}

function named(command: Command): string {
  return command.name && command.name.text === command.name.value ? command.name.value : ''
}

function wordsOf(command: Command): readonly Word[] {
  return command.args.flatMap((arg) => (arg.type === 'Word' ? [arg] : []))
}

function endOfWords(command: Command): number {
  return command.args.at(-1)?.end ?? command.name?.end ?? command.end
}

/** The one file of a command without options. */
function onlyFile(command: Command): Word | undefined {
  const words = wordsOf(command)
  const [file] = words
  if (words.length !== 1 || command.args.length !== 1 || command.redirects.length > 0 || !file)
    return undefined
  return file.value.startsWith('-') ||
    hasPattern(file) ||
    file.parts?.some((part) => part.type === 'SimpleExpansion')
    ? undefined
    : file
}

function hasPattern(word: Word): boolean {
  return (
    word.parts?.some((part) =>
      /^(?:Glob|ExtendedGlob|BraceExpansion|CommandExpansion|ProcessSubstitution)$/.test(part.type),
    ) === true
  )
}
