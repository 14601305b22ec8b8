import type { Invocation } from '../../interpreter/programs/invocation.js'
import { has, operands, valuesOf } from '../../interpreter/programs/options.js'
import type { Rule } from '../rule.js'
import { begins, subcommand } from '../run-predicates.js'
import { changesSchema, destroysData, type SqlStatement, sqlStatements } from '../sql.js'
import { dropsAll } from './verbs.js'

const clients = [
  'psql',
  'mysql',
  'mariadb',
  'sqlite3',
  'sqlcmd',
  'clickhouse-client',
  'cqlsh',
  'duckdb',
  'bq',
  'snowsql',
  'cockroach',
  'usql',
  'mycli',
  'pgcli',
  'influx',
  'spanner-cli',
  'turso',
  'wrangler',
  'isql',
  'sqlplus',
]

export const databases: readonly Rule[] = [
  {
    id: 'databases/drop',
    title: 'Destroys a database or the data of a table',
    severity: 'high',
    programs: clients,
    finds: (run) => statementsOf(run).find(destroysData)?.text.slice(0, 80),
    risk: (what) => `runs “${what}”, which destroys data for good`,
    safer: (run) =>
      run.program === 'psql'
        ? 'pg_dump -Fc -f before.dump'
        : run.program === 'mysql'
          ? 'mysqldump --single-transaction --all-databases > before.sql'
          : undefined,
    caught: [
      'psql -c "DROP DATABASE prod"',
      'mysql -e "truncate table users"',
      'psql -c "delete from users"',
      'echo "drop table x;" | sqlite3 a.db',
      'mysql <<< "DROP SCHEMA x"',
      'sqlite3 a.db "DELETE FROM t"',
      'psql --command="update users set admin=true"',
      'sudo -u postgres psql -c "DROP TABLE a"',
    ],
    passed: [
      'psql -c "select * from t"',
      `psql -c "select 'drop table x'"`,
      'psql -c "delete from t where id=1"',
      'echo "drop table x"',
      'mysql -e "show tables" -- comment',
      'grep "DROP TABLE" dump.sql',
    ],
  },
  {
    id: 'databases/drop-program',
    title: 'Destroys a database',
    severity: 'high',
    programs: [
      'dropdb',
      'dropuser',
      'mysqladmin',
      'redis-cli',
      'mongosh',
      'mongo',
      'valkey-cli',
      'keydb-cli',
      'etcdctl',
      'influx',
      'cbq',
      'kafka-topics',
      'kafka-topics.sh',
      'rabbitmqctl',
      'nodetool',
      'consul',
      'vault',
      'zookeeper-shell',
      'memcflush',
      'cockroach',
      'pg_dropcluster',
      'mysql_secure_installation',
    ],
    finds: (run) => dropsAll(run),
    risk: 'deletes a database or everything in it',
    caught: [
      'dropdb prod',
      'redis-cli FLUSHALL',
      'redis-cli -h x -p 1 flushdb',
      'mongosh --eval "db.dropDatabase()"',
      'mysqladmin drop prod',
      'etcdctl del "" --prefix',
      'kafka-topics.sh --delete --topic x',
      'mongosh prod --eval "db.users.drop()"',
      'rabbitmqctl reset',
    ],
    passed: [
      'redis-cli get flushall',
      'redis-cli ping',
      'mongosh --eval "db.stats()"',
      'mysqladmin status',
      'etcdctl get x',
      'redis-cli del x',
      'rabbitmqctl status',
      'vault status',
    ],
  },
  {
    id: 'databases/reset-app',
    title: 'Empties the database of an application',
    severity: 'high',
    programs: [
      'rails',
      'rake',
      'bundle',
      'bin/rails',
      'php',
      'artisan',
      'prisma',
      'npx',
      'python',
      'manage.py',
      'django-admin',
      'sequelize',
      'knex',
      'typeorm',
      'drizzle-kit',
      'mix',
      'flyway',
      'liquibase',
      'supabase',
      'hasura',
      'doctrine',
      'alembic',
      'pnpm',
      'yarn',
      'bunx',
      'flask',
    ],
    finds: (run) => {
      const words = [run.program, ...run.args.map((field) => field.value)]
      const found = words.findIndex((word) =>
        /^(?:db:(?:drop|reset|purge|schema:load|migrate:reset)|db:drop:\S+|migrate:(?:fresh|reset|refresh)|db:wipe|ecto\.(?:drop|reset)|schema:drop|reset_db|sqlflush|dropAll|drop-all)$/.test(
          word,
        ),
      )
      if (found >= 0) return words[found]
      const pair = words.findIndex(
        (word, index) =>
          /^(?:migrate reset|manage\.py flush|flyway clean|db reset|alembic downgrade|db downgrade|\.\/manage\.py flush|django-admin flush|db push)$/.test(
            `${word} ${words[index + 1] ?? ''}`,
          ) &&
          (words[index + 1] !== 'push' || words.includes('--force-reset')) &&
          (words[index + 1] !== 'downgrade' || words.includes('base')),
      )
      return pair >= 0 && `${words[pair]} ${words[pair + 1]}`
    },
    risk: (what) => `empties the application's database (“${what}”)`,
    caught: [
      'rails db:drop',
      'bundle exec rake db:reset',
      'php artisan migrate:fresh',
      'npx prisma migrate reset --force',
      'python manage.py flush --no-input',
      'mix ecto.reset',
      'flyway clean',
    ],
    passed: [
      'rails db:migrate',
      'npx prisma migrate deploy',
      'python manage.py migrate',
      'php artisan migrate',
      'rake -T',
    ],
  },
  {
    id: 'databases/change',
    title: 'Changes data or rights in a database',
    severity: 'medium',
    programs: clients,
    finds: (run) =>
      statementsOf(run)
        .find((one) => changesSchema(one) && !destroysData(one))
        ?.text.slice(0, 80),
    risk: (what) => `runs “${what}”, which changes the database`,
    safer: (run) => (run.program === 'psql' ? 'BEGIN; … ROLLBACK;' : undefined),
    caught: [
      'psql -c "delete from t where id=1"',
      'mysql -e "GRANT ALL ON *.* TO x"',
      'psql -c "alter table t add c int"',
    ],
    passed: ['psql -c "select 1"', 'psql -l', 'mysql -e "show grants"'],
  },
  {
    id: 'databases/restore',
    title: 'Restores over a database',
    severity: 'medium',
    programs: [
      'pg_restore',
      'mongorestore',
      'mysqlimport',
      'pg_resetwal',
      'pg_ctl',
      'mysqladmin',
      'redis-cli',
      'psql',
      'mysql',
    ],
    finds: (run) => {
      if (run.program === 'pg_restore') return has(run, 'c', 'clean')
      if (run.program === 'mongorestore') return has(run, 'drop')
      if (run.program === 'pg_ctl') return begins(subcommand(run), ['stop', 'restart', 'promote'])
      if (/^(?:mysqladmin|redis-cli)$/.test(run.program))
        return (
          run.args.some((field) => /^(?:shutdown|kill|debug|replicaof|slaveof)$/i.test(field.value)) ||
          (run.program === 'redis-cli' &&
            /^config$/i.test(subcommand(run)[0] ?? '') &&
            /^set$/i.test(subcommand(run)[1] ?? ''))
        )
      if (/^(?:psql|mysql)$/.test(run.program))
        return (
          valuesOf(run, 'f', 'file').length > 0 ||
          run.redirects.some((one) => one.operator === '<') ||
          (run.upstream.length > 0 && run.input === undefined)
        )
      return true
    },
    risk: 'loads data or statements over the present content of the database, or stops it',
    caught: [
      'pg_restore --clean -d prod x.dump',
      'mongorestore --drop dump',
      'psql prod < dump.sql',
      'zcat d.sql.gz | mysql prod',
      'redis-cli shutdown',
    ],
    passed: ['pg_restore -l x.dump', 'psql -l', 'redis-cli config get maxmemory', 'pg_dump prod > x.sql'],
  },
]

/** The statements given on the line, or those of a known input. */
function statementsOf(run: Invocation): readonly SqlStatement[] {
  // A database in memory starts empty and ends with the program.
  if (/^(?:sqlite3|duckdb)$/.test(run.program) && run.args.some((field) => field.value === ':memory:'))
    return []
  const given = valuesOf(run, 'c', 'e', 'command', 'execute', 'eval', 'q', 'query', 'Q', 'cmd').map(
    (field) => field.value,
  )
  const words = operands(run).map((field) => field.value)
  const plain = /^(?:sqlite3|duckdb|bq|influx|turso|isql|wrangler)$/.test(run.program)
    ? words.filter((word) => word.includes(' '))
    : []
  const files = valuesOf(run, 'f', 'file').map((field) => field.content ?? '')
  return [...given, ...plain, ...files, run.input ?? ''].flatMap(sqlStatements)
}
