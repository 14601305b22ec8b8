import { has, operands } from '../interpreter/programs/options.js'
import type { Rule } from './rule.js'
import { begins, goesDown, subcommand } from './run-predicates.js'

export const versionControl: readonly Rule[] = [
  {
    id: 'version-control/discard',
    title: 'Discards work that is not committed',
    severity: 'medium',
    programs: ['git'],
    finds: (run) => {
      const words = subcommand(run)
      // A name may be joined to its option: `-bfix`.
      const plain = { args: run.args.filter((field) => !/^-[bBcC]./.test(field.value)) }
      switch (words[0]) {
        case 'reset':
          return has(run, 'hard', 'merge', 'keep') || run.args.some((field) => /^--ha/.test(field.value))
        case 'merge':
        case 'rebase':
        case 'cherry-pick':
        case 'revert':
        case 'am':
          return has(run, 'abort')
        case 'submodule':
          return words.includes('deinit') && has(run, 'f', 'force')
        case 'clean':
          return (has(run, 'f', 'force') || has(run, 'x', 'X')) && !has(run, 'n', 'dry-run')
        case 'checkout':
          return (
            has(plain, 'f', 'force') ||
            has(run, 'pathspec-from-file') ||
            run.args.some((field) => field.value === '--') ||
            words.includes('.') ||
            // A commit and files: a word with a dot or a slash is taken for a file.
            (!has(run, 'b', 'B', 'orphan', 'track') && words.slice(2).some((word) => /[./]/.test(word)))
          )
        case 'restore':
          return !has(run, 'S', 'staged') || has(run, 'W', 'worktree')
        case 'stash':
          return /^(?:drop|clear)$/.test(words[1] ?? '')
        case 'switch':
          return has(plain, 'discard-changes', 'f', 'force')
        case 'rm':
          return !has(run, 'cached', 'n', 'dry-run')
        case 'worktree':
          return words[1] === 'remove' && has(run, 'f', 'force')
        default:
          return false
      }
    },
    risk: 'discards changes that are not committed',
    safer: 'git stash push --include-untracked',
    caught: [
      'git reset --hard',
      'git reset --hard origin/main',
      'git clean -fdx',
      'git checkout -- .',
      'git restore .',
      'git stash clear',
      'git -C repo reset HEAD~1 --hard',
      'git checkout .',
    ],
    passed: [
      'git reset HEAD x',
      'git clean -n',
      'git checkout main',
      'git stash',
      'git restore --staged x',
      'git commit -m "reset --hard"',
    ],
  },
  {
    id: 'version-control/rewrite-remote',
    title: 'Rewrites branches that others have',
    severity: 'medium',
    programs: ['git'],
    finds: (run) => {
      const words = subcommand(run)
      return (
        begins(words, 'push') &&
        !has(run, 'n', 'dry-run') &&
        (run.args.find((field) =>
          /^(?:-f|--for\w*(?:-with-lease|-if-includes)?(?:=.*)?|--mi\w*|--del\w*|-d|--prune)$/.test(
            field.value,
          ),
        ) ??
          operands(run, 'C', 'c')
            .slice(2)
            .find((field) => /^[+:]/.test(field.value)))
      )
    },
    risk: (what) => `rewrites or deletes branches that others may have (${what})`,
    safer: (run) =>
      / (?:-f|--force)(?= |$)/.test(run.part)
        ? run.part.replace(/ (?:-f|--force)(?= |$)/, ' --force-with-lease')
        : undefined,
    caught: [
      'git push --force',
      'git push -f origin main',
      'git push origin --delete x',
      'git push origin :x',
      'git push origin +main',
      'git push --mirror',
    ],
    passed: ['git push', 'git push origin main', 'git push -n --force', 'git push --tags'],
  },
  {
    id: 'version-control/delete-refs',
    title: 'Deletes branches, tags or history',
    severity: 'medium',
    programs: ['git', 'git-filter-repo', 'bfg'],
    finds: (run) => {
      if (run.program !== 'git') return !has(run, 'help', 'version', 'dry-run')
      const words = subcommand(run)
      if (begins(words, 'branch')) return has(run, 'D', 'f', 'force')
      if (begins(words, 'tag')) return has(run, 'd', 'delete')
      if (begins(words, 'reflog')) return /^(?:expire|delete)$/.test(words[1] ?? '')
      if (begins(words, 'gc')) return run.args.some((field) => /^--prune=(?:now|all)$/.test(field.value))
      if (begins(words, 'update-ref')) return has(run, 'd')
      return begins(words, ['filter-branch', 'filter-repo', 'prune', 'obliterate'])
    },
    risk: 'deletes branches, tags or history, and later the commits that only they hold',
    safer: 'git bundle create backup.bundle --all',
    caught: [
      'git branch -D x',
      'git reflog expire --expire=now --all',
      'git gc --prune=now',
      'git filter-branch --tree-filter x',
      'git tag -d v1',
    ],
    passed: ['git branch -d x', 'git branch', 'git tag v1', 'git gc', 'git reflog'],
  },
  {
    id: 'version-control/delete-repository',
    title: 'Deletes the history of a repository',
    severity: 'high',
    programs: ['rm', 'gh', 'glab', 'hub'],
    finds: (run) => {
      if (run.program !== 'rm')
        return begins(
          operands(run).map((field) => field.value),
          ['repo', 'project'],
          'delete',
        )
      return goesDown(run) && operands(run).find((field) => /(?:^|\/)\.(?:git|hg|svn)\/?$/.test(field.value))
    },
    risk: (what) => `deletes a repository with all its history (${what})`,
    safer: 'git bundle create backup.bundle --all',
    caught: ['rm -rf .git', 'gh repo delete o/r --yes', 'rm -r project/.git/'],
    passed: ['rm -rf .git/index.lock', 'rm .gitignore', 'gh repo list'],
  },
  {
    id: 'version-control/others',
    title: 'Discards work in another version control system',
    severity: 'medium',
    programs: ['svn', 'hg', 'p4', 'jj', 'bzr'],
    finds: (run) => {
      const words = operands(run).map((field) => field.value)
      if (run.program === 'svn')
        return (
          begins(words, ['revert', 'delete', 'rm', 'cleanup']) &&
          (words[0] !== 'cleanup' || has(run, 'remove-unversioned', 'remove-ignored'))
        )
      if (run.program === 'hg')
        return (
          begins(words, ['revert', 'strip', 'purge', 'rollback']) ||
          (begins(words, ['update', 'up', 'checkout']) && has(run, 'C', 'clean'))
        )
      return begins(words, ['revert', 'obliterate', 'abandon'])
    },
    risk: 'discards changes that are not committed, or history',
    caught: ['svn revert -R .', 'hg update --clean', 'hg strip tip', 'p4 obliterate //x'],
    passed: ['svn update', 'hg status', 'svn status'],
  },
]
