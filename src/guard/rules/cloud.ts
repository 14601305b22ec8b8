import type { Invocation } from '../interpreter/programs/invocation.js'
import { has, operands } from '../interpreter/programs/options.js'
import type { Rule } from './rule.js'
import { begins, subcommand } from './run-predicates.js'

export const cloud: readonly Rule[] = [
  {
    id: 'cloud/destroy-infrastructure',
    title: 'Destroys infrastructure',
    severity: 'high',
    programs: [
      'terraform',
      'tofu',
      'terragrunt',
      'pulumi',
      'cdk',
      'cdktf',
      'serverless',
      'sls',
      'sam',
      'ansible-playbook',
      'nomad',
      'packer',
      'crossplane',
      'sst',
    ],
    finds: (run) => {
      const words = operands(run, 's', 'stack').map((field) => field.value)
      if (/^(?:terraform|tofu|terragrunt)$/.test(run.program))
        return (
          words.includes('destroy') ||
          (words.includes('apply') && has(run, 'destroy')) ||
          begins(words, 'workspace', 'delete') ||
          words.includes('destroy-all')
        )
      if (run.program === 'sam') return words[0] === 'delete'
      if (/^(?:serverless|sls)$/.test(run.program)) return words[0] === 'remove'
      if (run.program === 'nomad') return begins(words, 'job', 'stop') && has(run, 'purge')
      if (run.program === 'sst') return words[0] === 'remove'
      return begins(words, 'destroy') || begins(words, 'stack', 'rm')
    },
    risk: 'destroys the infrastructure that is described here, with its data',
    safer: (run) =>
      /^(?:terraform|tofu)$/.test(run.program)
        ? `${run.program} plan -destroy`
        : run.program === 'pulumi'
          ? 'pulumi destroy --preview-only'
          : undefined,
    caught: [
      'terraform destroy -auto-approve',
      'terraform -chdir=x destroy',
      'pulumi destroy -y',
      'terraform apply -destroy',
      'cdk destroy --all',
      'terragrunt run-all destroy',
      'serverless remove',
    ],
    passed: ['terraform plan -destroy', 'terraform plan', 'pulumi preview', 'cdk diff'],
  },
  {
    id: 'cloud/apply-unseen',
    title: 'Changes infrastructure without showing the plan',
    severity: 'medium',
    programs: ['terraform', 'tofu', 'terragrunt', 'pulumi', 'cdk'],
    finds: (run) => {
      const words = subcommand(run)
      if (run.program === 'pulumi')
        return begins(words, ['up', 'update']) && has(run, 'y', 'yes', 'skip-preview')
      if (run.program === 'cdk')
        return begins(words, 'deploy') && run.args.some((field) => field.value.includes('never'))
      return (
        (words.includes('apply') && has(run, 'auto-approve')) ||
        begins(words, 'state', ['rm', 'push', 'mv']) ||
        begins(words, ['taint', 'force-unlock', 'import'])
      )
    },
    risk: 'changes infrastructure or its state before anyone has reviewed the plan',
    safer: (run) => (run.program === 'pulumi' ? 'pulumi preview' : `${run.program} plan -out=plan`),
    caught: [
      'terraform apply -auto-approve',
      'pulumi up --yes',
      'terraform state rm x',
      'terraform force-unlock 1',
    ],
    passed: ['terraform apply plan', 'terraform state list', 'pulumi up'],
  },
  {
    id: 'cloud/delete-storage',
    title: 'Deletes stored data',
    severity: 'high',
    programs: ['aws', 'gsutil', 'gcloud', 'az', 'rclone', 's3cmd', 'mc', 'b2', 's5cmd'],
    finds: (run) => {
      const words = subcommand(run)
      if (has(run, 'dryrun', 'dry-run', 'help')) return false
      if (run.program === 'aws')
        return (
          (begins(words, 's3', ['rm', 'rb']) && (has(run, 'recursive', 'force') || words[1] === 'rb')) ||
          begins(words, 's3api', ['delete-bucket', 'delete-objects'])
        )
      if (run.program === 'gsutil')
        return words.includes('rb') || (words.includes('rm') && has(run, 'r', 'R', 'a'))
      if (run.program === 'gcloud')
        return (
          begins(words, 'storage', ['rm', 'buckets']) &&
          (has(run, 'r', 'recursive') || words.includes('delete'))
        )
      if (run.program === 'az')
        return begins(words, 'storage') && words.some((word) => /^delete(?:-batch)?$/.test(word))
      if (run.program === 'rclone') return begins(words, ['purge', 'delete'])
      if (run.program === 's3cmd')
        return begins(words, ['rb']) || (begins(words, ['del', 'rm']) && has(run, 'r', 'recursive'))
      if (run.program === 'mc')
        return begins(words, 'rb') || (begins(words, 'rm') && has(run, 'r', 'recursive'))
      return begins(words, ['rm', 'delete-bucket']) && words.some((word) => word.includes('*'))
    },
    risk: 'deletes stored objects or a whole bucket',
    safer: (run) => (run.program === 'aws' && / s3 rm /.test(run.part) ? `${run.part} --dryrun` : undefined),
    caught: [
      'aws s3 rm s3://b --recursive',
      'aws s3 rb s3://b --force',
      'gsutil -m rm -r gs://b',
      'rclone purge r:b',
      'aws --profile p s3api delete-bucket --bucket b',
      'az storage container delete -n x',
      'mc rm --recursive --force m/b',
    ],
    passed: [
      'aws s3 ls',
      'aws s3 rm s3://b/one.txt',
      'aws s3 rm s3://b --recursive --dryrun',
      'gsutil ls',
      'aws s3 cp a s3://b',
    ],
  },
  {
    id: 'cloud/delete-resource',
    title: 'Deletes a cloud resource',
    severity: 'high',
    programs: [
      'aws',
      'gcloud',
      'az',
      'doctl',
      'linode-cli',
      'hcloud',
      'ibmcloud',
      'oci',
      'openstack',
      'heroku',
      'fly',
      'flyctl',
      'vercel',
      'railway',
      'scw',
      'exo',
      'virsh',
      'qm',
      'pct',
      'govc',
      'VBoxManage',
      'multipass',
      'netlify',
      'firebase',
      'supabase',
      'wrangler',
    ],
    finds: (run) => deletesResource(run),
    risk: (what) => `deletes a cloud resource (${what}) and everything in it`,
    caught: [
      'aws ec2 terminate-instances --instance-ids i-1',
      'aws rds delete-db-instance --db-instance-identifier x --skip-final-snapshot',
      'gcloud projects delete p',
      'gcloud compute instances delete x -q',
      'az group delete -n rg --yes',
      'doctl compute droplet delete 1 -f',
      'heroku apps:destroy -a x',
      'heroku pg:reset',
      'aws cloudformation delete-stack --stack-name x',
      'virsh undefine vm --remove-all-storage',
      'fly apps destroy x',
      'aws dynamodb delete-table --table-name t',
      'qm destroy 100',
      'aws kms schedule-key-deletion --key-id k',
    ],
    passed: [
      'aws ec2 describe-instances',
      'gcloud compute instances list',
      'az group list',
      'heroku logs',
      'aws sqs delete-message --q x',
      'aws sns remove-permission --label x --topic-arn y',
      'doctl auth remove --context x',
      'virsh list',
      'aws logs filter-log-events',
    ],
  },
  {
    id: 'cloud/stop-resource',
    title: 'Stops or changes a cloud resource',
    severity: 'medium',
    programs: ['aws', 'gcloud', 'az', 'virsh', 'qm', 'pct', 'hcloud', 'heroku', 'fly', 'flyctl', 'doctl'],
    finds: (run) =>
      subcommand(run)
        .slice(0, 5)
        .find((word) =>
          /^(?:stop|reboot|shutdown|destroy|reset|restart|deallocate|stop-\S+|reboot-\S+|modify-\S+|detach-\S+|revoke-\S+|put-bucket-policy|create-access-key|attach-user-policy|attach-role-policy|put-\S+-policy|ps:restart|set-iam-policy|add-iam-policy-binding|delete-message|purge-queue)$/.test(
            word,
          ),
        ),
    risk: (what) => `stops or changes a cloud resource (${what})`,
    caught: [
      'aws ec2 stop-instances --instance-ids i',
      'gcloud compute instances stop x',
      'az vm deallocate -n x',
      'aws iam create-access-key --user-name x',
      'virsh destroy vm',
    ],
    passed: ['aws ec2 describe-instances', 'gcloud config list', 'az vm list'],
  },
]

/** Resources that only say how others are used and hold no data: they can be created again. */
const holdsNothing =
  /(?:^|-)(?:auth|lock|tags?|port|polic(?:y|ies)|rules?|rule-set|permissions?|memberships?|method|association|alias|notification)$/

function deletesResource(run: Invocation): string | undefined {
  const words = subcommand(run)
  if (has(run, 'dry-run', 'dryrun', 'help', 'generate-cli-skeleton')) return undefined
  switch (run.program) {
    case 'aws': {
      const action = words[1] ?? ''
      if (
        words[0] === 's3' ||
        words[0] === 's3api' ||
        /^(?:delete-message|delete-tags|delete-item|delete-metric|delete-alarms|delete-parameter)/.test(
          action,
        )
      )
        return undefined
      return /^(?:delete-(?!message|tag)|terminate-|schedule-key-deletion|deregister-|release-address|remove-)/.test(
        action,
      ) && !holdsNothing.test(action)
        ? action
        : undefined
    }
    case 'heroku':
      return words.find((word) =>
        /^(?:apps:destroy|pg:reset|addons:destroy|pg:killall|redis:\w*destroy)$/.test(word),
      )
    case 'virsh':
      return words.find((word) => /^(?:undefine|vol-delete|pool-delete|snapshot-delete|vol-wipe)$/.test(word))
    case 'qm':
    case 'pct':
      return words.find((word) => word === 'destroy')
    case 'VBoxManage':
      return words.find((word) => word === 'unregistervm' || word === 'closemedium')
    case 'vercel':
      return begins(words, ['rm', 'remove']) ? words[0] : undefined
    case 'firebase':
      return words.find((word) => /:(?:delete|remove|disable)$/.test(word))
    default: {
      if (run.program === 'gcloud' && words[0] === 'storage') return undefined
      if (run.program === 'az' && words[0] === 'storage') return undefined
      if (words.slice(0, 3).some((word) => holdsNothing.test(word))) return undefined
      return words.slice(0, 6).find((word) => /^(?:delete|destroy|purge|remove|terminate)$/.test(word))
    }
  }
}
