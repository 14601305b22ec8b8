import { byDeeds } from './deeds.js'
import type { Rule } from './rule.js'

/** Objects of a service that hold the data of others: deleting one deletes everything in it. */
const holders =
  '(?:project|namespace|org|organi[sz]ation|service|site|vault|stream|topic|queue|pool|filesystem|bucket|workspace|database|db|cluster|account|env|environment|index|indexes|collection|app|tenant|realm|repository|repo)s?'
const verbs = '(?:delete|destroy|purge|rm|remove)'
const deletesHolder = new RegExp(
  `(?:^|\\s)(?:\\w+:)?(?:${holders}[ :-]${verbs}|${verbs}[ :-]${holders})(?:\\s|$)`,
)

/** Clients whose line is an object and a verb. */
const clients = [
  'ably apigeecli appwrite argocd auth0 buildkite ceph circleci civo confluent contentful doppler dokku eb fastly fission flipt',
  'hasura infisical ldcli mc nats netlify ns1 okteto op pscale planetscale prefect pulsar-admin rabbitmqadmin railway render rpk',
  'sentry-cli stratis stytch temporal tctl tkn turso unleash upstash vault vultr-cli zeabur',
].join(' ')

/** Commands that delete the data that a service holds, or that expose it. */
export const services: readonly Rule[] = [
  {
    id: 'cloud/delete-holder',
    title: 'Deletes what holds the data of others at a service',
    severity: 'high',
    ...byDeeds([
      { programs: clients, words: deletesHolder },
      { programs: 'ceph', words: /\bosd (?:purge|destroy)\b|\bfs rm\b/ },
      { programs: 'vault', words: /\bsecrets disable\b/ },
      { programs: 'velero', words: /\b(?:delete backups?|backups? delete)\b.* --all\b/ },
      { programs: 'velero', words: /\b(?:delete backups?|backups? delete) --all\b/ },
      { programs: 'gh glab', words: /^(?:-\S+ )*(?:repo|project) delete\b/ },
      {
        programs: 'gh glab',
        words:
          /^api\b(?=.* (?:-X|--method)[ =]?DELETE\b).* \/?(?:repos\/[^/ ]+\/[^/ ]+|orgs\/[^/ ]+|projects\/[^/ ]+|groups\/[^/ ]+)\/?(?: |$)/i,
      },
      { programs: 'heroku fly flyctl', words: /\bapps?[ :]destroy\b/ },
      { programs: 'lxc-destroy', words: /^(?!-).|-n/ },
      { programs: 'lxc incus', words: /^(?:delete|rm|project delete|storage delete)\b/ },
      { programs: 'qm pct', words: /(?:^| )(?:disk unlink|unlink)\b/ },
      { programs: 'pvesm', words: /^free\b/ },
      { programs: 'gitlab-backup', words: /\brestore\b/ },
      { programs: 'gitlab-rake', words: /\bgitlab:backup:restore\b|\bdb:(?:drop|reset)\b/ },
      {
        programs: 'gitlab-rails rails',
        words: /^(?:runner|r) .*\b(?:destroy_all|delete_all|truncate(?:_tables)?|drop_table)\b/,
      },
    ]),
    risk: (what) => `deletes all data that the service keeps there (“${what}”)`,
    caught: [
      'doppler projects delete api --yes',
      'nats stream purge ORDERS',
      'rabbitmqadmin delete queue name=x',
      'vault --namespace ops secrets disable kv/',
      'gh api -X DELETE repos/o/r',
      'ceph osd pool delete vms',
      'stratis pool destroy p',
      'netlify sites:delete x',
    ],
    passed: [
      'doppler secrets delete X --yes',
      'nats kv rm CONF region',
      'gh api repos/o/r',
      'gh api -X DELETE repos/o/r/labels/x',
      'op item delete x',
      'velero backup delete one --confirm',
      'ceph osd pool ls',
      'unleash projects delete --help',
    ],
  },
  {
    id: 'cloud/delete-backups',
    title: 'Deletes backups',
    severity: 'high',
    ...byDeeds([
      {
        programs: 'borg',
        words: /(?:^|\s)delete\s/,
        unless: /::|\s(?:-a|--glob-archives|--prefix|-P)\b|\s-n\b/,
      },
      {
        programs: 'restic',
        words: /\bforget\b.*--keep-last[= ]0(?: |$)|\bforget\b.*--unsafe-allow-remove-all\b/,
      },
      { programs: 'duplicity', words: /\bremove-all-but-n-full 0(?: |$)/ },
      { programs: 'wal-g', words: /\bdelete everything\b/ },
      { programs: 'pgbackrest', words: /\bstanza-delete\b/ },
    ]),
    risk: (what) => `deletes the backups (“${what}”), of which there may be no other copy`,
    caught: ['borg delete --force /srv/borg/x', 'restic forget --prune --keep-last 0'],
    passed: [
      'borg delete /srv/borg/x::monday',
      'restic forget --keep-last 7 --prune',
      'borg list /srv/borg/x',
    ],
  },
  {
    id: 'cloud/change-at-service',
    title: 'Removes or exposes something at a service',
    severity: 'medium',
    ...byDeeds([
      { programs: 'aws', words: /\borganizations leave-organization\b/ },
      { programs: 'aws', words: /\bs3 sync\b.* --delete\b/ },
      { programs: 'gsutil', words: /\brsync\b.* -[a-zA-Z]*d/ },
      { programs: 'rclone', words: /^(?:-\S+ )*(?:move|moveto|sync|cleanup|bisync)\b/ },
      { programs: 'gh', words: /\brepo edit\b.*--visibility[= ]public\b/ },
      {
        programs:
          'kafka-acls kafka-configs kafka-consumer-groups kafka-topics kafka-acls.sh kafka-configs.sh kafka-consumer-groups.sh',
        words: /--(?:remove|delete|delete-config|reset-offsets)\b/,
      },
      { programs: 'istioctl linkerd', words: /^(?:x )?uninstall\b/ },
      { programs: 'linkerd', words: /^uninstall\b/ },
      {
        programs: 'npm',
        words: /^(?:owner rm|profile disable-2fa|access revoke|team destroy|token revoke)\b/,
      },
      { programs: 'railway', words: /^down\b/ },
      { programs: 'stripe', words: /\bapi_keys roll\b/ },
      { programs: 'vagrant', words: /^destroy\b/ },
      { programs: 'restic', words: /\bunlock\b.*--remove-all\b/ },
      { programs: 'timeshift', words: /--delete(?:-all)?\b/ },
      { programs: 'transmission-remote', words: /--remove(?:-and-delete)?\b|\s-r(?:ad)?\b/ },
      { programs: 'nsupdate', words: /./ },
      { programs: 'zfs', words: /\bdestroy\b.*@/ },
      { programs: 'az', words: /\b(?:lock|tag) delete\b/ },
      { programs: 'openstack', words: /\bport delete\b/ },
    ]),
    risk: (what) => `removes or exposes something at a service (“${what}”)`,
    caught: [
      'aws s3 sync . s3://b --delete',
      'kafka-consumer-groups --bootstrap-server k:9092 --delete --group x',
      'rclone sync a r:b',
      'gh repo edit o/r --visibility public',
    ],
    passed: [
      'aws s3 sync . s3://b',
      'kafka-topics --list --bootstrap-server k:9092',
      'rclone copy a r:b',
      'rclone sync a r:b --dry-run',
      'vagrant up',
    ],
  },
]
