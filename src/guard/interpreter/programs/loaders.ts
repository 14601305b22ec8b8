/**
 * Variables by which programs are made to load or run code that the command does not name.
 * Sources: the manual pages of ld.so, bash, perlrun, python, ruby, node, git, less, man, java, rsync, make.
 */
const always =
  /^(?:LD_(?:PRELOAD|AUDIT|LIBRARY_PATH|DEBUG_OUTPUT|PROFILE)|DYLD_\w+|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|BASH_ENV|ENV|BASH_FUNC_\w+|PROMPT_COMMAND|SHELLOPTS|BASHOPTS|ZDOTDIR|PERL5OPT|PERL5DB|PERL5LIB|PERLLIB|PYTHONSTARTUP|PYTHONHOME|PYTHONINSPECT|PYTHONBREAKPOINT|PYTHONUSERBASE|RUBYOPT|RUBYLIB|LUA_INIT\w*|LUA_C?PATH\w*|R_PROFILE\w*|PHPRC|PHP_INI_SCAN_DIR|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH|GIT_(?:SSH|SSH_COMMAND|EXTERNAL_DIFF|ASKPASS|PROXY_COMMAND|EXEC_PATH|TEMPLATE_DIR|CONFIG_(?:COUNT|GLOBAL|SYSTEM|PARAMETERS|KEY_\d+))|SSH_ASKPASS|SUDO_ASKPASS|LESSOPEN|LESSCLOSE|RSYNC_RSH|RSYNC_CONNECT_PROG|CVS_RSH|MAKEFLAGS|MAKEFILES|TAR_OPTIONS|OPENSSL_(?:CONF|ENGINES|MODULES)|VIMINIT|EXINIT|TCLLIBPATH|ERL_\w*FLAGS|ERL_LIBS|NODE_PATH|npm_config_\w+|PIP_(?:INDEX_URL|EXTRA_INDEX_URL|CONFIG_FILE))$/

/** Such variables that people also set for other reasons: reported in a request, in a command by their value. */
const often =
  /^(?:PATH|PYTHONPATH|NODE_OPTIONS|(?:GIT_|MAN|SYSTEMD_)?PAGER|GIT_(?:EDITOR|SEQUENCE_EDITOR)|EDITOR|VISUAL|BROWSER|GEM_PATH|GEM_HOME)$/

/** Whether a variable of a request may decide what code runs. */
export function mayLoadCode(name: string): boolean {
  return always.test(name) || often.test(name)
}

/** Set in a command for this alone; of the others a command has everyday uses, with folders and options of its own. */
const inText =
  /^(?:LD_(?:PRELOAD|AUDIT)|DYLD_INSERT_LIBRARIES|GLIBC_TUNABLES|GCONV_PATH|BASH_ENV|PERL5OPT|PERL5DB|PYTHONSTARTUP|GIT_EXTERNAL_DIFF|GIT_PROXY_COMMAND)$/
const searchPaths = /^(?:PATH|PYTHONPATH|NODE_PATH|PERL5LIB|RUBYLIB|CLASSPATH|LD_LIBRARY_PATH|GIT_EXEC_PATH)$/

/** Whether a variable that a command sets makes what runs after it load code from elsewhere. */
export function loadsCode(name: string, value: string): boolean {
  if (name === 'NODE_OPTIONS')
    return /(?:^|\s)(?:-r|--require|--import|--(?:experimental-)?loader)\b/.test(value)
  if (searchPaths.test(name)) return /(?:^|:)(?:\/tmp|\/var\/tmp|\/dev\/shm)(?:\/|:|$)/.test(value)
  return value !== '' && inText.test(name)
}
