import type {
  AccessExplanation,
  ExplainRequest,
  PolicyCheck,
  PolicyReply,
} from '../../shared/access/explain.js'
import type { AccessPolicyInput } from '../../shared/access/policy.js'
import type { Connection } from '../connection.js'
import type { CallOptions } from '../options.js'

/** What a client does with the policy: who may do what, where. Takes `policy.manage`, which admins have. */
export interface PolicyMethods {
  /** The policy that is in force, with the tag that `save` takes. Throws FORBIDDEN. */
  get(options?: CallOptions): Promise<PolicyReply>
  /**
   * Saves a policy in the place of the one with the tag `if_match`, or of whichever there is with `*`. It counts at once. Throws
   * FORBIDDEN, VALIDATION_FAILED where it cannot be, a test of it fails or it would lock out all who may change it,
   * POLICY_CHANGED where another one was saved since.
   */
  save(policy: AccessPolicyInput, if_match: string, options?: CallOptions): Promise<PolicyReply>
  /** What is wrong with a policy, without saving it; its tests are run. Throws FORBIDDEN, VALIDATION_FAILED. */
  check(policy: AccessPolicyInput, options?: CallOptions): Promise<PolicyCheck>
}

/** What a client asks of what is allowed. */
export interface AccessMethods {
  /**
   * What the policy says of a request, and why; nothing is run. About others it takes `policy.manage`. Throws FORBIDDEN,
   * VALIDATION_FAILED for accounts that there are not, and where no agent is meant.
   */
  explain(request: ExplainRequest, options?: CallOptions): Promise<AccessExplanation>
}

export function policyMethods({ trpc, call }: Connection): PolicyMethods {
  return {
    get: (options) => call((each) => trpc.policy.get.query(undefined, each), options),
    save: (policy, if_match, options) =>
      call((each) => trpc.policy.save.mutate({ policy, if_match }, each), options),
    check: (policy, options) => call((each) => trpc.policy.check.mutate(policy, each), options),
  }
}

export function accessMethods({ trpc, call }: Connection): AccessMethods {
  return { explain: (request, options) => call((each) => trpc.access.explain.query(request, each), options) }
}
