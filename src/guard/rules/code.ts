import { codeOf, interpreterNames } from '../interpreter/code.js'
import { fieldOf, HOME, type Invocation } from '../interpreter/programs/invocation.js'
import { firstAt, type Place } from './path-classes.js'
import type { Rule } from './rule.js'
import { destroysData, sqlStatements } from './sql.js'

/** Longer code is a program, not a command. */
const longest = 20_000

/** Code that a run executes: given on the line, or written to its file earlier in the text. */
export function codeRun(run: Invocation): string {
  const given = codeOf(run)
  if (given !== '' || run.origin.length === 0) return given
  return run.origin
    .map((one) => one.input ?? one.args.map((field) => field.value).join('\n'))
    .join('\n')
    .slice(0, longest)
}

const quoted = `["']([^"'\\n]{1,200})["']`

// Every repetition has a bound: without one, a text made for it could make these patterns slow.
/** Where code names a tree that it deletes. */
const trees = [
  new RegExp(
    `(?:rmtree|rmSync|rm_rf|rm_r|rimraf|remove_tree|removeSync|rmdirSync|rmdir_r|deleteSync|\\.rm|Deno\\.remove\\w*)\\s{0,9}\\(?\\s{0,9}(?:\\w{1,20}\\s{0,9}=\\s{0,9})?${quoted}`,
    'g',
  ),
  new RegExp(`\\(delete-directory\\s{0,9}${quoted}`, 'g'),
  // R
  new RegExp(`unlink\\(\\s{0,9}${quoted}\\s{0,9},\\s{0,9}recursive`, 'g'),
]
/** Where code names a file that it deletes. */
const removed = [
  new RegExp(
    `(?:unlink|remove|removeSync|delete|\\brm)\\w{0,20}\\s{0,9}\\(?\\s{0,9}(?:\\w{1,20}\\s{0,9}=\\s{0,9})?${quoted}`,
    'g',
  ),
  new RegExp(`Path\\(\\s*${quoted}\\s*\\)\\.unlink`, 'g'),
]
/** Where code names a file that it writes. */
const written = [
  new RegExp(`\\bopen\\w{0,20}\\s{0,9}\\(?\\s*${quoted}\\s*,\\s*["'][rbt]*[wax+]`, 'g'),
  new RegExp(
    `(?:writeFile|appendFile|createWriteStream|truncate|file_put_contents|File\\.write|IO\\.write|writeTextFile)\\w{0,20}\\s{0,9}\\(\\s*${quoted}`,
    'g',
  ),
  new RegExp(`Path\\(\\s*${quoted}\\s*\\)\\.(?:write_|touch|rename|replace|open\\(\\s*["'][wax])`, 'g'),
  new RegExp(`(?<![=-])>>?\\s*${quoted}`, 'g'),
  /["']\s*>>?\s*(\/[^"'\s]{1,200})["']/g,
  new RegExp(`\\bfile\\s*\\{\\s*${quoted}\\s*:`, 'g'),
  /\$\(file\s+>>?\s*([^,\s)]{1,200})/g,
]
const literals = [new RegExp(quoted, 'g')]

const deletes = /\b(?:unlink\w*|rmtree|rmSync|rm_rf|rm_r|remove\w*|rmdir\w*|deleteSync)\b/
const walks = /\b(?:walk|glob|rglob|listdir|iterdir|readdir\w*|scandir|opendir|find|Dir)\b/

/** The first path that the code names in such a way and that is at one of these places. */
function namedAt(run: Invocation, code: string, ways: readonly RegExp[], ...places: readonly Place[]) {
  for (const way of ways) {
    for (const [, path = ''] of code.matchAll(way)) {
      if (!/^[/~]/.test(path)) continue
      const glob = /[*]/.test(path)
      const found = firstAt(run, [{ ...fieldOf(path.replace(/^~(?=\/|$)/, HOME), path), glob }], ...places)
      if (found) return path
    }
  }
  return undefined
}

/** What code in other languages does to files and databases, as far as its strings show. */
export const code: readonly Rule[] = [
  {
    id: 'filesystem/code-deletes-root',
    title: 'Code that deletes the system or a home folder',
    severity: 'high',
    programs: [...interpreterNames, 'go'],
    finds: (run) => {
      const text = codeRun(run)
      if (!deletes.test(text) && !/rimraf|delete-directory|\brm\b|Deno\.remove/.test(text)) return undefined
      return (
        namedAt(run, text, trees, 'root', 'system', 'home', 'boot') ??
        (walks.test(text) ? namedAt(run, text, literals, 'root', 'system', 'boot', 'critical') : undefined) ??
        (/unlink\s*\(?\s*<\s*\(?\s*["']?\//.test(text) ||
          (/expanduser\(\s*['"]~['"]\s*\)|Path\.home\(\)\s*\)/.test(text) && /rmtree/.test(text)))
      )
    },
    risk: 'deletes the system or a home folder from code',
    caught: [
      `python3 -c "import shutil; shutil.rmtree('/')"`,
      `node -e "require('fs').rmSync('/etc',{recursive:true})"`,
      `ruby -e 'FileUtils.rm_rf("/usr")'`,
      `python3 -c "import pathlib; [f.unlink() for f in pathlib.Path('/usr/lib').glob('*')]"`,
      `perl -e 'for(glob("/boot/*")){unlink}'`,
    ],
    passed: [
      `python3 -c "import shutil; shutil.rmtree('build')"`,
      `python3 -c "print('/')"`,
      `python3 -c "import glob; print(glob.glob('/usr/*'))"`,
      `python3 -c "import shutil; shutil.rmtree('/home/me/build')"`,
    ],
  },
  {
    id: 'filesystem/code-changes-critical',
    title: 'Code that deletes or writes a file that the machine needs',
    severity: 'high',
    programs: [...interpreterNames, 'go', 'puppet', 'make', 'gmake'],
    finds: (run) => {
      const text = /make$|^puppet$/.test(run.program)
        ? run.args
            .map((field) => field.value)
            .join('\n')
            .slice(0, longest)
        : codeRun(run)
      if (text === '') return undefined
      return (
        namedAt(run, text, written, 'critical', 'sudoers', 'device', 'keys') ??
        namedAt(run, text, removed, 'critical', 'sudoers', 'boot')
      )
    },
    risk: (what) =>
      `changes or deletes ${what}, without which the machine does not start or locks everyone out`,
    caught: [
      `python3 -c "import os; os.remove('/etc/fstab')"`,
      `python3 -c 'open("/etc/group", "w")'`,
      `awk 'BEGIN { print "x::0" > "/etc/shadow" }'`,
      `node -e 'require("fs").writeFileSync("/etc/group", "x")'`,
    ],
    passed: [
      `python3 -c "print(open('/etc/passwd').read())"`,
      `awk -F: '$3 > 1000 { print $1 }' /etc/passwd`,
      `python3 -c 'open("/tmp/x", "w")'`,
    ],
  },
  {
    id: 'databases/code-drops',
    title: 'Code that destroys a database or the data of a table',
    severity: 'high',
    programs: interpreterNames,
    finds: (run) => {
      const text = codeRun(run)
      if (!/execute|query|\.exec\b|\.run\(|\bdo\s*\(/.test(text)) return undefined
      for (const [, statement = ''] of text.matchAll(/["']([^"'\n]{0,400})["']/g)) {
        const found = sqlStatements(statement).find(destroysData)
        if (found) return found.text.slice(0, 80)
      }
      return undefined
    },
    risk: (what) => `runs “${what}” from code, which destroys data for good`,
    caught: [`python -c "import psycopg2; psycopg2.connect('').cursor().execute('DROP DATABASE x')"`],
    passed: [`python -c "c.execute('select 1')"`, `python -c "print('DROP DATABASE x')"`],
  },
  {
    id: 'access/code-reads-secret',
    title: 'Code that reads a secret',
    severity: 'medium',
    programs: interpreterNames,
    finds: (run) => {
      const text = codeRun(run)
      return /open|read|File|cat/i.test(text) ? namedAt(run, text, literals, 'secret') : undefined
    },
    risk: (what) => `reads ${what}, and what it prints is stored with the command`,
    caught: [`python3 -c "print(open('/root/.ssh/id_ed25519').read())"`],
    passed: [`python3 -c "print(open('/etc/hosts').read())"`],
  },
]
