import { has, operands, valuesOf } from '../interpreter/programs/options.js'
import type { Rule } from './rule.js'
import { begins, subcommand } from './run-predicates.js'

const engines = ['docker', 'podman', 'nerdctl']
const clusters = ['kubectl', 'oc', 'k3s']

export const containers: readonly Rule[] = [
  {
    id: 'containers/volumes',
    title: 'Deletes volumes with their data',
    severity: 'high',
    programs: [...engines, 'docker-compose', 'podman-compose'],
    finds: (run) => {
      const words = subcommand(run)
      if (onlyShows(run)) return false
      if (begins(words, 'volume', ['rm', 'remove', 'prune'])) return true
      if (begins(words, 'system', ['prune', 'reset'])) return has(run, 'volumes') || words[1] === 'reset'
      const down =
        words[0] === 'compose'
          ? words.includes('down') || words.includes('rm')
          : run.program.endsWith('-compose') && begins(words, ['down', 'rm'])
      return down && has(run, 'v', 'volumes')
    },
    risk: 'deletes volumes and all data in them',
    safer: 'docker volume ls',
    caught: [
      'docker volume rm pgdata',
      'docker volume prune -f',
      'docker system prune -a --volumes',
      'docker compose down -v',
      'docker-compose -f x.yml down --volumes',
    ],
    passed: ['docker volume ls', 'docker compose down', 'docker system df', 'docker volume inspect x'],
  },
  {
    id: 'containers/prune',
    title: 'Deletes what is not in use',
    severity: 'medium',
    programs: engines,
    finds: (run) =>
      subcommand(run).slice(0, 2).includes('prune') ||
      begins(subcommand(run), ['rmi', 'rm']) ||
      begins(subcommand(run), ['image', 'container', 'network'], ['rm', 'remove']),
    risk: 'deletes containers, images or networks, and the data that only they hold',
    safer: 'docker system df -v',
    caught: [
      'docker system prune',
      'docker system prune -af',
      'docker rm -f web',
      'docker rmi x',
      'docker image prune -a',
      'docker rm $(docker ps -aq)',
    ],
    passed: ['docker ps -a', 'docker run --rm x', 'docker images'],
  },
  {
    id: 'containers/stop',
    title: 'Stops containers',
    severity: 'medium',
    programs: [...engines, 'docker-compose', 'podman-compose'],
    finds: (run) => {
      const words = subcommand(run)
      if (onlyShows(run)) return false
      const verb = words[0] === 'compose' || words[0] === 'container' ? words[1] : words[0]
      return (
        /^(?:stop|kill|restart|down|pause)$/.test(verb ?? '') ||
        begins(words, 'swarm', 'leave') ||
        begins(words, ['stack', 'service', 'secret', 'config', 'node'], ['rm', 'remove'])
      )
    },
    risk: 'stops containers, which interrupts their users',
    safer: 'docker ps',
    caught: [
      'docker stop web',
      'docker compose down',
      'docker kill $(docker ps -q)',
      'docker swarm leave --force',
      'docker-compose restart',
    ],
    passed: ['docker ps', 'docker compose up -d', 'docker logs web', 'docker start web'],
  },
  {
    id: 'containers/host-access',
    title: 'Gives a container access to the whole machine',
    severity: 'medium',
    programs: engines,
    finds: (run) =>
      begins(subcommand(run), ['run', 'create']) &&
      (run.args.find((field) =>
        /^--privileged(?:=true)?$|^--(?:pid|ipc|userns|uts)=host$/.test(field.value),
      ) ??
        mountsHost(run)),
    risk: (what) => `gives the container access to the whole machine (${what})`,
    caught: [
      'docker run --privileged x',
      'docker run -v /:/host x',
      'docker run -v /var/run/docker.sock:/var/run/docker.sock x',
      'podman run --pid=host x',
    ],
    passed: ['docker run -v "$PWD":/w x', 'docker run -p 80:80 x', 'docker build .'],
  },
  {
    id: 'containers/enter-host',
    title: 'Breaks out of a container',
    severity: 'high',
    programs: [...engines, 'nsenter'],
    finds: (run) => {
      const words = run.args.map((field) => field.value)
      if (run.program === 'nsenter') return false
      return (
        begins(subcommand(run), 'run') &&
        mountsRoot(run) !== undefined &&
        words.some((word) => /^chroot$/.test(word)) &&
        mountsRoot(run)
      )
    },
    risk: 'becomes root on the machine through a container',
    caught: ['docker run -v /:/mnt --rm -it alpine chroot /mnt sh'],
    passed: ['docker run -v /data:/mnt alpine ls', 'docker run alpine chroot /x'],
  },
  {
    id: 'containers/delete-cluster-data',
    title: 'Deletes much of a cluster',
    severity: 'high',
    programs: clusters,
    finds: (run) => {
      const words = subcommand(run)
      if (!begins(words, 'delete') || has(run, 'dry-run')) return false
      const kinds = (words[1] ?? '').split(',')
      return (
        has(run, 'all', 'A', 'all-namespaces') ||
        kinds.find((kind) =>
          /^(?:ns|namespaces?|pv|persistentvolumes?|pvc|persistentvolumeclaims?|nodes?|no|crd|crds|customresourcedefinitions?|statefulsets?|sts|secrets?|storageclass(?:es)?|project)(?:\/.*)?$/.test(
            kind,
          ),
        )
      )
    },
    risk: 'deletes a whole part of the cluster, with its data',
    safer: (run) => `${run.part} --dry-run=server`,
    caught: [
      'kubectl delete ns prod',
      'kubectl delete pods --all',
      'kubectl -n x delete pvc data-0',
      'kubectl delete deploy --all -A',
      'oc delete project x',
      'kubectl delete node n1',
    ],
    passed: [
      'kubectl get ns',
      'kubectl delete pod web-1',
      'kubectl delete ns x --dry-run=client',
      'kubectl describe node n1',
    ],
  },
  {
    id: 'containers/change-cluster',
    title: 'Removes or restarts something in a cluster',
    severity: 'medium',
    programs: clusters,
    finds: (run) => {
      const words = subcommand(run)
      if (has(run, 'dry-run')) return false
      if (begins(words, 'apply') || begins(words, 'create'))
        return valuesOf(run, 'f', 'filename').find((field) => /^https?:/.test(field.value))
      if (begins(words, 'scale')) return run.args.some((field) => /^--replicas=0$/.test(field.value))
      return (
        begins(words, ['delete', 'drain', 'cordon', 'replace', 'evict', 'taint']) ||
        begins(words, 'rollout', ['restart', 'undo'])
      )
    },
    risk: 'removes or restarts something in the cluster, or applies a manifest that has not been read',
    safer: (run) =>
      / (?:delete|apply|create|replace|drain) /.test(run.part) ? `${run.part} --dry-run=client` : undefined,
    caught: [
      'kubectl delete pod web-1',
      'kubectl drain n1',
      'kubectl apply -f https://x/y.yaml',
      'kubectl rollout restart deploy/x',
      'kubectl scale deploy x --replicas=0',
    ],
    passed: [
      'kubectl get pods',
      'kubectl apply -f x.yaml',
      'kubectl logs x',
      'kubectl scale deploy x --replicas=3',
    ],
  },
  {
    id: 'containers/remove-cluster',
    title: 'Dismantles a cluster or one of its nodes',
    severity: 'high',
    programs: [
      'kubeadm',
      'k3s-uninstall.sh',
      'k3s-agent-uninstall.sh',
      'k3s-killall.sh',
      'rke2-uninstall.sh',
      'microk8s',
      'k0s',
      'kops',
      'eksctl',
      'talosctl',
      'minikube',
      'kind',
      'k3d',
    ],
    finds: (run) => {
      const words = operands(run).map((field) => field.value)
      if (/\.sh$/.test(run.program)) return true
      if (/^(?:minikube|kind|k3d)$/.test(run.program)) return false
      return begins(words, 'reset') || begins(words, 'delete')
    },
    risk: 'dismantles the cluster or this node, with everything that runs on it',
    caught: [
      'kubeadm reset -f',
      '/usr/local/bin/k3s-uninstall.sh',
      'eksctl delete cluster --name x',
      'kops delete cluster x --yes',
    ],
    passed: ['kubeadm version', 'eksctl get cluster', 'kind delete cluster'],
  },
  {
    id: 'containers/helm',
    title: 'Removes or rolls back a release',
    severity: 'medium',
    programs: ['helm', 'helmfile', 'flux', 'argocd'],
    finds: (run) =>
      !has(run, 'dry-run') &&
      subcommand(run)
        .slice(0, 2)
        .some((word) => /^(?:uninstall|delete|del|rollback|destroy)$/.test(word)),
    risk: 'removes or rolls back what is deployed',
    safer: (run) => (run.program === 'helm' ? `${run.part} --dry-run` : undefined),
    caught: ['helm uninstall web', 'helm -n x delete web', 'helm rollback web 3', 'argocd app delete x'],
    passed: ['helm list', 'helm upgrade --install web ./c', 'helm uninstall web --dry-run'],
  },
]

/** `docker compose --dry-run down`, an option that docker itself does not have. */
function onlyShows(run: Parameters<Rule['finds']>[0]): boolean {
  const composes = run.program.endsWith('-compose') || subcommand(run)[0] === 'compose'
  return composes && has(run, 'dry-run')
}

function mounts(run: Parameters<Rule['finds']>[0]) {
  return [...valuesOf(run, 'v', 'volume'), ...valuesOf(run, 'mount')]
}

function mountsHost(run: Parameters<Rule['finds']>[0]) {
  return (
    mountsRoot(run) ??
    mounts(run).find((field) =>
      /docker\.sock|^\/(?:etc|root|proc|sys|dev|boot|usr|var)\/?:|source=\/(?:etc)?,/.test(field.value),
    )
  )
}

function mountsRoot(run: Parameters<Rule['finds']>[0]) {
  return mounts(run).find((field) => /^\/:|(?:source|src)=\/(?:,|$)/.test(field.value))
}
