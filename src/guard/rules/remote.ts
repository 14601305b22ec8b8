import { has, operands } from '../interpreter/programs/options.js'
import type { Rule } from './rule.js'

/** Clients of services whose verbs say what they do there: what they delete is not on this machine. */
const clients = [
  ...'az aws gcloud gh glab openstack vault consul etcdctl nats op doppler stripe unleash flipt fastly newrelic pd ldcli circleci railway netlify apigeecli'.split(
    ' ',
  ),
  ...'mc rclone s3cmd gsutil rpk rabbitmqctl rabbitmqadmin ceph velero restic borg duplicity snapper qm limactl minikube kind k3d podman grafana-cli'.split(
    ' ',
  ),
]

const deleting =
  /^(?:(?:[a-z]+[:_-])?(?:delete|destroy|rm|remove|purge|revoke|unsubscribe|forget|prune|archive|disable|deletefile)(?:[:_-][a-z0-9_-]+)*|del|delsnapshot|unlink)$/

export const remote: readonly Rule[] = [
  {
    id: 'cloud/client-delete',
    title: 'Deletes something at a service',
    severity: 'medium',
    programs: clients,
    finds: (run) =>
      !has(run, 'help', 'dry-run', 'generate-cli-skeleton') &&
      operands(run)
        .slice(0, 6)
        .find((field) => deleting.test(field.value)) !== undefined &&
      run.part,
    risk: 'deletes or turns off something at a service, possibly for good',
    caught: [
      'gh release delete v1 --yes',
      'vault kv destroy -versions=3 kv/x',
      'consul kv delete a/b',
      'minikube delete -p lab',
      'netlify sites:delete x',
    ],
    passed: ['gh release list', 'vault kv list kv', 'aws ses delete-receipt-rule --generate-cli-skeleton'],
  },
]
