import { isCode, languageOf } from './language.ts';

/** What a file is for, by its path alone. A file may be several things at once. */
export type FileRole =
  | 'source'
  | 'test'
  | 'config'
  | 'manifest'
  | 'security'
  | 'ci'
  | 'infrastructure'
  | 'readme'
  | 'documentation'
  | 'api'
  | 'design'
  | 'standards'
  | 'coverage';

/** Why a file’s content is not shown, by its path alone. */
export type Withheld = 'secret' | 'binary' | 'generated';

/** What a path tells about its file. */
export interface FileKind {
  readonly language: string | null;
  readonly roles: ReadonlySet<FileRole>;
  readonly withheld: Withheld | null;
  /** Somebody else’s code kept in this tree. */
  readonly vendored: boolean;
}

const SECRET =
  /(?:^|\/)(?:\.env(?:\.(?!(?:example|sample|template|dist|defaults?)$)[^/]*)?|[^/]+\.env|\.envrc|\.netrc|_netrc|\.npmrc|\.pypirc|\.pgpass|\.my\.cnf|\.htpasswd|\.git-credentials|\.dockercfg|\.docker\/config\.json|\.vault[-_]?(?:token|pass)[^/]*|id_(?:rsa|dsa|ecdsa|ed25519)[^/]*(?<!\.pub)|[^/]+\.(?:pem|key|p12|pfx|p8|jks|keystore|kdbx|ppk|ovpn|asc|gpg|tfstate|tfstate\.backup|mobileprovision)|credentials(?:\.(?:json|ya?ml|toml|ini|xml|csv))?|client_secrets?[^/]*\.json|[^/]*service[-_]?account[^/]*\.json|[^/]*firebase-adminsdk[^/]*\.json|secrets?\.(?:json|ya?ml|toml|ini|env|properties)|\.aws\/[^/]+|\.ssh\/[^/]+|\.gnupg\/.+|\.kube\/config|kubeconfig|terraform\.tfvars|\.terraformrc|terraform\.rc|rclone\.conf|\.s3cfg|\.boto|\.dev\.vars|\.flaskenv|\.clasprc\.json|local\.settings\.json|\.config\/gh\/hosts\.yml|\.m2\/settings\.xml|\.pip\/pip\.conf|\.secrets?(?:\/.+)?|\.envs\/.+|[^/]*private[-_.]?key[^/]*\.(?:json|txt)|[^/]+\.auto\.tfvars|master\.key|shadow|passwd)$/i;

const BINARY =
  /\.(?:png|jpe?g|gif|bmp|ico|icns|webp|avif|tiff?|psd|ai|sketch|fig|xcf|heic|mp[34]|m4[av]|mov|avi|mkv|webm|ogg|oga|ogv|opus|wav|flac|aac|mid|pdf|docx?|xlsx?|pptx?|od[tsp]|epub|zip|t?gz|bz2|xz|zst|lz4|7z|rar|tar|jar|war|ear|aar|apk|ipa|deb|rpm|dmg|iso|img|msi|exe|dll|so|dylib|a|o|obj|lib|pdb|class|pyc|pyo|pyd|whl|egg|gem|nupkg|wasm|bc|node|ttf|otf|woff2?|eot|sqlite3?|db|mdb|dbf|parquet|avro|orc|arrow|feather|npy|npz|h5|hdf5|pkl|pickle|pt|pth|onnx|tflite|safetensors|gguf|ckpt|bin|dat|mo|gmo|qm|res|resources|snap|glb|blend|fbx|stl|unitypackage|pack|idx|rev|swp|ds_store)$/i;

const GENERATED =
  /(?:^|\/)(?:package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|deno\.lock|composer\.lock|gemfile\.lock|poetry\.lock|pdm\.lock|uv\.lock|pipfile\.lock|cargo\.lock|go\.sum|go\.work\.sum|mix\.lock|pubspec\.lock|packages\.lock\.json|flake\.lock|podfile\.lock|package\.resolved|gradle\.lockfile|[^/]+\.(?:min\.(?:js|css|mjs)|bundle\.js|js\.map|css\.map|map|pb\.go|pb\.cc|pb\.h|pb2\.py|pb2\.pyi|pb2_grpc\.py|g\.dart|freezed\.dart|designer\.cs|g\.cs|generated\.[a-z]+|tsbuildinfo|log)|[^/]+_pb2(?:_grpc)?\.pyi?|[^/]+_generated\.[a-z]+|zz_generated[^/]*|\.yarn\/(?:releases|plugins|cache)\/.+|\.pnp\.c?js)$/i;

const VENDORED =
  /(?:^|\/)(?:vendor|vendors|vendored|third[-_]?party|3rdparty|external|externals|node_modules|bower_components|site-packages|deps\/[^/]+\/(?:deps|src)|_vendor|Godeps|Pods|jspm_packages)\//i;

const TEST =
  /(?:^|\/)(?:tests?|__tests__|specs?|testing|e2e|integration[-_]tests?|unit[-_]tests?|testdata|test[-_]data|fixtures?|__mocks__|__snapshots__|[A-Za-z0-9.]*Tests|[a-z0-9]+[-_]tests?|cypress|androidTest|test[-_][a-z0-9]+|x?t)\/|(?:^|\/)(?:test_[^/]+|tests?\.[a-z]+|conftest\.py|[^/]+[._-](?:test|tests|spec|specs|e2e|cy|bench)\.[a-z0-9]+|[^/]+_(?:unit)?tests?\.[a-z]+|[^/]*[a-z0-9](?:Tests?|Spec|IT|TestCase)\.(?:java|kt|kts|scala|groovy|cs|fs|vb|swift|php|m|mm|cpp|cc|h|ts|js|hs)|t-[^/]+\.(?:c|sh)|t\d{4}-[^/]+\.sh)$/;

const MANIFEST =
  /(?:^|\/)(?:package\.json|pnpm-workspace\.yaml|lerna\.json|deno\.jsonc?|jsr\.json|bower\.json|pyproject\.toml|requirements[^/]*\.(?:txt|in)|requirements\/[^/]+\.txt|setup\.(?:py|cfg)|pipfile|environment\.ya?ml|go\.(?:mod|work)|cargo\.toml|pom\.xml|build\.gradle(?:\.kts)?|settings\.gradle(?:\.kts)?|libs\.versions\.toml|build\.sbt|gemfile|[^/]+\.gemspec|composer\.json|[^/]+\.(?:csproj|fsproj|vbproj|sln)|directory\.(?:build|packages)\.props|packages\.config|paket\.dependencies|mix\.exs|rebar\.config|pubspec\.ya?ml|package\.swift|podfile|cartfile|project\.clj|deps\.edn|stack\.ya?ml|[^/]+\.cabal|conanfile\.(?:py|txt)|vcpkg\.json|cmakelists\.txt|meson\.build|dune-project|[^/]+\.opam|shard\.yml|cpanfile|description|renv\.lock|project\.toml)$/i;

const CI =
  /(?:^|\/)(?:\.github\/(?:workflows|actions)\/.+|\.github\/dependabot\.ya?ml|\.gitlab-ci[^/]*\.ya?ml|\.gitlab\/ci\/.+|\.circleci\/.+|\.travis\.ya?ml|appveyor\.ya?ml|azure-pipelines[^/]*\.ya?ml|\.azure-pipelines\/.+|jenkinsfile[^/]*|bitbucket-pipelines\.ya?ml|\.drone\.ya?ml|\.woodpecker(?:\/.+|\.ya?ml)|\.buildkite\/.+|\.cirrus\.ya?ml|cloudbuild\.ya?ml|\.teamcity\/.+|\.semaphore\/.+|\.pre-commit-config\.ya?ml|tox\.ini|noxfile\.py|\.ci\/.+|ci\/.+\.(?:ya?ml|sh)|renovate\.json5?|codecov\.ya?ml|\.codecov\.ya?ml|buildspec\.ya?ml|\.goreleaser\.ya?ml)$/i;

const INFRASTRUCTURE =
  /(?:^|\/)(?:(?:docker|container)file[^/]*|[^/]+\.dockerfile|\.dockerignore|(?:docker-)?compose[^/]*\.ya?ml|[^/]+\.(?:tf|tfvars|hcl|bicep|nomad|nix)|procfile|vagrantfile|skaffold\.ya?ml|tiltfile|helmfile\.ya?ml|chart\.ya?ml|kustomization\.ya?ml|serverless\.ya?ml|fly\.toml|render\.ya?ml|vercel\.json|netlify\.toml|app\.ya?ml|wrangler\.(?:toml|jsonc?)|cdk\.json|samconfig\.toml|pulumi[^/]*\.ya?ml|ansible\.cfg|playbook[^/]*\.ya?ml|nginx[^/]*\.conf|haproxy[^/]*\.cfg|prometheus[^/]*\.ya?ml|alertmanager[^/]*\.ya?ml|crontab|[^/]+\.(?:service|socket|timer)|makefile)$|(?:^|\/)(?:terraform|infra|infrastructure|deploy|deployment|deployments|k8s|kubernetes|helm|charts|manifests|ansible|docker|ops|devops|\.devcontainer)\//i;

const SECURITY =
  /(?:^|\/)(?:security(?:\.[a-z]+)?|\.snyk|\.trivyignore[^/]*|\.gitleaks[^/]*|\.semgrep[^/]*|\.bandit|bandit\.ya?ml|codeql[^/]*|threat[-_]?model[^/]*|\.secretlintrc[^/]*|\.nsprc|audit-ci\.jsonc?|trivy\.ya?ml|csp[^/]*|cors[^/]*|csrf[^/]*|opa[^/]*\.rego|[^/]+\.rego|codeowners)$|(?:^|[/_.-])(?:auth|authn|authz|oauth2?|oidc|saml|sso|login|signin|session|sessions|password|passwords|credential|credentials|permission|permissions|rbac|acl|policy|policies|security|secure|crypto|cryptography|encryption|jwt|token|tokens|certs?|tls|ssl|sanitiz[a-z]*|xss|vulnerabilit[a-z]*)(?:[/_.-]|$)|(?:Auth|Security|Permission|Password|Crypto|Token|Session)[A-Z.]/;

const README = /(?:^|\/)readme(?:[._-][^/]*)?$/i;
const DOCUMENTATION =
  /\.(?:md|mdx|markdown|rst|adoc|asciidoc|textile|org|tex|rdoc|pod|man|[1-9])$|(?:^|\/)(?:docs?|documentation|wiki|guides?|tutorials?|manual|man)\/|(?:^|\/)(?:changelog|changes|history|news|contributing|authors|license|copying|install|faq|roadmap|release[-_]?notes|todo|upgrading|migration)(?:\.[a-z]+)?$/i;
const API =
  /(?:^|\/)(?:openapi|swagger|asyncapi|api[-_]?spec)[^/]*\.(?:ya?ml|json)$|\.(?:proto|graphql|graphqls|gql|thrift|raml|wsdl|avdl|apib|tsp|smithy)$|(?:^|\/)api[-_]?(?:docs?|reference|specs?)(?:\/|[^/]*\.md$)|(?:^|\/)(?:openapi|swagger)\//i;
const DESIGN =
  /(?:^|\/)(?:adrs?|decisions|rfcs?|design|designs|architecture|proposals|specs?|blueprints?)\/[^/]*.*\.(?:md|mdx|rst|adoc|txt|puml|plantuml|mmd|drawio|dot|svg)$|(?:^|\/)(?:architecture|design|adr[-_]?\d*|system[-_]?requirements?|requirements|technical[-_]?design|rfc[-_]?\d+|spec(?:ification)?)[^/]*\.(?:md|mdx|rst|adoc)$|\.(?:puml|plantuml|mmd|drawio|dsl)$/i;
const STANDARDS =
  /(?:^|\/)(?:\.editorconfig|\.eslintrc[^/]*|eslint\.config\.[cm]?[jt]s|\.?oxlintrc\.json|\.?oxfmtrc\.jsonc?|biome\.jsonc?|\.prettierrc[^/]*|prettier\.config\.[cm]?js|\.stylelintrc[^/]*|tslint\.json|\.flake8|\.pylintrc|pylintrc|ruff\.toml|\.ruff\.toml|mypy\.ini|\.?pyrightconfig\.json|\.isort\.cfg|setup\.cfg|\.rubocop[^/]*\.ya?ml|\.golangci\.ya?ml|rustfmt\.toml|\.rustfmt\.toml|clippy\.toml|\.clang-(?:format|tidy)|checkstyle[^/]*\.xml|pmd[^/]*\.xml|\.scalafmt\.conf|detekt[^/]*\.ya?ml|\.swiftlint\.ya?ml|phpcs\.xml[^/]*|\.php[-_]cs[^/]*|phpstan\.neon[^/]*|\.credo\.exs|analysis_options\.yaml|\.editorconfig|contributing[^/]*|style[-_]?guide[^/]*|coding[-_]?(?:standards?|style|conventions?)[^/]*|conventions\.md|agents\.md|claude\.md|gemini\.md|\.cursorrules|\.cursor\/rules\/.+|copilot-instructions\.md|tsconfig[^/]*\.json|\.commitlintrc[^/]*|commitlint\.config\.[cm]?js)$/i;
const COVERAGE =
  /(?:^|\/)(?:lcov\.info|coverage-(?:summary|final)\.json|cobertura[^/]*\.xml|coverage\.(?:xml|json|out|txt)|clover\.xml|jacoco[^/]*\.xml|\.coveragerc|\.nycrc[^/]*|codecov\.ya?ml|\.codecov\.ya?ml|simplecov[^/]*)$/i;
const CONFIG =
  /(?:^|\/)(?:[^/]+\.(?:toml|ini|cfg|conf|properties|editorconfig|plist)|[^/]*config[^/]*\.[a-z0-9]+|\.[a-z0-9_-]+rc(?:\.[a-z]+)?|[^/]*settings[^/]*\.(?:py|json|ya?ml|toml|xml)|\.env\.(?:example|sample|template|dist|defaults?)|tsconfig[^/]*\.json|[^/]+\.ya?ml)$|(?:^|\/)(?:config|configs|conf|settings)\//i;

const ROLES: readonly (readonly [FileRole, RegExp])[] = [
  ['test', TEST],
  ['manifest', MANIFEST],
  ['ci', CI],
  ['infrastructure', INFRASTRUCTURE],
  ['security', SECURITY],
  ['readme', README],
  ['documentation', DOCUMENTATION],
  ['api', API],
  ['design', DESIGN],
  ['standards', STANDARDS],
  ['coverage', COVERAGE],
  ['config', CONFIG],
];

/** Whether a path names a file that holds secrets by convention. */
export function isSecretPath(path: string): boolean {
  return SECRET.test(path);
}

/** What a path tells, as a number: the roles’ bits, then whether it is vendored, then why it is withheld. */
export function kindCode(path: string): number {
  let code = 0;
  for (const [index, [, pattern]] of ROLES.entries()) if (pattern.test(path)) code |= 1 << index;
  if (VENDORED.test(path)) code |= VENDORED_BIT;
  return code | (WITHHELD.indexOf(withheldBy(path)) << WITHHELD_SHIFT);
}

/** Tells what a path’s file is. Paths are relative to the root, with `/`. `code`: what {@link kindCode} answered for it. */
export function fileKind(path: string, code = kindCode(path)): FileKind {
  const language = languageOf(path);
  const described = (code & DESCRIBED) !== 0;
  const source = isCode(language) && (code & TEST_BIT) === 0 && !(described && !isProgram(language));
  return {
    language,
    roles: rolesOf(source ? code | SOURCE_BIT : code),
    withheld: withheldIn(code),
    vendored: (code & VENDORED_BIT) !== 0,
  };
}

/** Why a file’s content is not shown, by what {@link kindCode} answered for its path. */
export function withheldIn(code: number): FileKind['withheld'] {
  return WITHHELD[code >> WITHHELD_SHIFT] ?? null;
}

const ROLE_NAMES = [...ROLES.map(([role]) => role), 'source' as const];
const bitOf = (role: FileRole): number => 1 << ROLE_NAMES.indexOf(role);
const TEST_BIT = bitOf('test');
const SOURCE_BIT = bitOf('source');
const DESCRIBED = bitOf('documentation') | bitOf('readme');
const ROLE_BITS = (1 << ROLE_NAMES.length) - 1;
const VENDORED_BIT = 1 << ROLE_NAMES.length;
const WITHHELD_SHIFT = ROLE_NAMES.length + 1;
const WITHHELD: readonly FileKind['withheld'][] = [null, 'secret', 'binary', 'generated'];

/** Files of a project share few sets of roles. */
const shared = new Map<number, ReadonlySet<FileRole>>();

function rolesOf(code: number): ReadonlySet<FileRole> {
  const bits = code & ROLE_BITS;
  let roles = shared.get(bits);
  if (roles === undefined) {
    roles = new Set(ROLE_NAMES.filter((role) => (bits & bitOf(role)) !== 0));
    shared.set(bits, roles);
  }
  return roles;
}

function isProgram(language: string | null): boolean {
  return language !== 'html' && language !== 'css';
}

function withheldBy(path: string): Withheld | null {
  if (isSecretPath(path)) return 'secret';
  if (BINARY.test(path)) return 'binary';
  return GENERATED.test(path) ? 'generated' : null;
}
