import { describe, expect, it } from 'vitest';
import { coverageOf } from './coverage.ts';
import { dependenciesOf, projectType } from './manifests.ts';

describe('dependencies', () => {
  it.each([
    ['package.json', '{"dependencies":{"zod":"4"},"devDependencies":{"vitest":"5"}}', ['zod', 'vitest']],
    [
      'pyproject.toml',
      '[project]\ndependencies = ["fastapi>=1", "uvicorn[standard]"]\n[dependency-groups]\ndev = ["pytest"]',
      ['fastapi', 'uvicorn', 'pytest'],
    ],
    ['sub/pyproject.toml', '[tool.poetry.dependencies]\npython = "^3"\ndjango = "5"\n', ['django']],
    ['requirements-dev.txt', '# tools\n-r base.txt\npytest==8 # why\nblack\n', ['pytest', 'black']],
    [
      'go.mod',
      'module x\n\nrequire (\n\tgithub.com/a/b v1.2.3\n\tgolang.org/x/net v0.1.0 // indirect\n)\nrequire example.com/c v1.0.0\n',
      ['github.com/a/b', 'golang.org/x/net', 'example.com/c'],
    ],
    ['Cargo.toml', '[dependencies]\nserde = "1"\n[dev-dependencies]\ntokio = { version = "1" }\n', ['serde', 'tokio']],
    [
      'pom.xml',
      '<project><dependencies><dependency><groupId>a.b</groupId><artifactId>c</artifactId></dependency></dependencies></project>',
      ['a.b:c'],
    ],
    [
      'build.gradle.kts',
      'implementation("org.x:y:1.0")\ntestImplementation(platform("org.z:bom:2"))',
      ['org.x:y', 'org.z:bom'],
    ],
    ['Gemfile', "source 'x'\ngem 'rails', '~> 7'\n", ['rails']],
    ['gems/GEMFILE', 'gem("puma")\n  gem "rack", group: :test\n# gem "commented"\n', ['puma', 'rack']],
    [
      'Shop.gemspec',
      'Gem::Specification.new do |s|\n  s.add_dependency "rake"\n  s.add_runtime_dependency(%q<json>)\n  s.add_development_dependency \'rspec\', "~> 3"\nend\n',
      ['rake', 'json', 'rspec'],
    ],
    ['composer.json', '{"require":{"php":">=8","symfony/console":"6"}}', ['symfony/console']],
    [
      'App.csproj',
      '<Project><ItemGroup><PackageReference Include="Serilog" Version="3"/></ItemGroup></Project>',
      ['Serilog'],
    ],
    ['mix.exs', 'defp deps do\n [{:phoenix, "~> 1"}]\nend', ['phoenix']],
    ['pubspec.yaml', 'name: x\ndependencies:\n  http: ^1\n  flutter:\n    sdk: flutter\n', ['http', 'flutter']],
    ['requirements/dev.txt', 'celery\n', ['celery']],
    ['setup.py', 'install_requires=["click"], extras_require={"x": ["typer>=1"]}', ['click', 'typer']],
    [
      'setup.cfg',
      '[options]\ninstall_requires =\n    attrs\n[options.extras_require]\ndev =\n    httpx\n[tool]\nx = y\n',
      ['attrs', 'httpx'],
    ],
    [
      'build.gradle',
      "debugImplementation 'a.b:c:1'\ntestImplementation group: 'd.e', name: 'f', version: '4'\nversion 'x:y'",
      ['a.b:c', 'd.e:f'],
    ],
    [
      'profiles/pom.xml',
      '<project><profiles><profile><dependencies><dependency><groupId>a</groupId><artifactId>b</artifactId></dependency></dependencies></profile></profiles></project>',
      ['a:b'],
    ],
    ['package.json', 'not json', []],
    ['pom.xml', '<project><dependencies>', []],
  ])('%s', (path, text, expected) => {
    expect(dependenciesOf(path, text)).toEqual(expected);
  });

  it('tells the project’s type by its root manifest and most of its files', () => {
    expect(
      projectType(
        ['package.json', 'pyproject.toml'],
        new Map([
          ['python', 90],
          ['typescript', 5],
        ]),
      ),
    ).toBe('python');
    expect(projectType(['Gemfile', 'package.json'], new Map([['ruby', 9]]))).toBe('ruby');
    expect(projectType(['shop.gemspec'], new Map())).toBe('ruby');
    expect(projectType([], new Map([['go', 3]]))).toBe('go');
    expect(projectType(['README.md'], new Map([['markdown', 3]]))).toBeNull();
  });
});

describe('coverage', () => {
  it.each([
    ['coverage-summary.json', '{"total":{"lines":{"pct":91.25}}}', 91.25],
    ['lcov.info', 'SF:a\nLF:10\nLH:5\nend_of_record\nSF:b\nLF:10\nLH:10\nend_of_record\n', 75],
    ['coverage.xml', '<coverage version="1" line-rate="0.5" branch-rate="0">', 50],
    ['jacoco.xml', '<report><counter type="LINE" missed="1" covered="3"/></report>', 75],
    ['lcov.info', 'SF:a\nDA:1,2\nDA:2,0\nend_of_record\n', 50],
    ['coverage-summary.json', '\ufeff{"total":{"lines":{"pct":70}}}', 70],
    ['coverage.xml', 'nonsense', null],
    ['coverage-summary.json', '{"total":{"lines":{"pct":"Unknown"}}}', null],
  ])('%s', (path, text, expected) => {
    expect(coverageOf(path, text)).toBe(expected);
  });
});
