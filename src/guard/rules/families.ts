import { access } from './access/access.js'
import { accessTokens } from './access/tokens.js'
import { admin } from './admin.js'
import { cloud } from './cloud.js'
import { code } from './code.js'
import { containers } from './containers.js'
import { databases } from './databases/databases.js'
import { disk } from './disk/disk.js'
import { diskTools } from './disk/tools.js'
import { filesystem } from './filesystem/filesystem.js'
import { httpDelete } from './http-delete.js'
import { network } from './network/network.js'
import { networkPlanted } from './network/planted.js'
import { packages } from './packages.js'
import { processes } from './process/process.js'
import { remote } from './remote.js'
import type { Rule } from './rule.js'
import { services } from './services.js'
import { versionControl } from './version-control.js'

/** Every rule, by family. A new family needs a file and a line here. */
export const rules: readonly Rule[] = [
  ...filesystem,
  ...code,
  ...disk,
  ...diskTools,
  ...processes,
  ...network,
  ...networkPlanted,
  ...access,
  ...accessTokens,
  ...admin,
  ...packages,
  ...databases,
  ...httpDelete,
  ...containers,
  ...cloud,
  ...remote,
  ...services,
  ...versionControl,
]
