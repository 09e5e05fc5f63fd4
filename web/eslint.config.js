// Lint rules that hold the layers apart. Beyond the recommended sets there are three of our own:
//  - crypto.subtle is named in sdk/src/crypto/subtle.ts and nowhere else;
//  - the SDK knows neither React nor the page;
//  - features of the page never import each other, and what they share never imports them.
import js from '@eslint/js';
import globals from 'globals';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const SUBTLE_MESSAGE = 'crypto.subtle is used in sdk/src/crypto/subtle.ts only';

const subtleOnlyInOnePlace = [
  { selector: "MemberExpression[property.name='subtle']", message: SUBTLE_MESSAGE },
  { selector: "MemberExpression[property.value='subtle']", message: SUBTLE_MESSAGE },
  { selector: "ObjectPattern > Property[key.name='subtle']", message: SUBTLE_MESSAGE },
];

const SDK_IMPORTS = [
  {
    group: ['react', 'react/*', 'react-dom', 'react-dom/*', 'react-i18next', 'i18next'],
    message: 'the SDK has no user interface',
  },
  { regex: '^(\\.\\./)+src/(app|features|ui|lib)', message: 'the SDK never imports the page' },
];

const PAGE_IMPORTS = [{ regex: 'sdk/src', message: 'import @porcupine/sdk, not its files' }];

export default tseslint.config(
  { ignores: ['dist/**', '**/node_modules/**', 'coverage/**', 'e2e/.out/**'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      globals: { ...globals.browser },
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      'no-restricted-syntax': ['error', ...subtleOnlyInOnePlace],
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  { files: ['sdk/src/crypto/subtle.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['sdk/**/*.ts'], rules: { 'no-restricted-imports': ['error', { patterns: SDK_IMPORTS }] } },
  {
    // The cryptography stands lowest: it knows neither the network nor the store.
    files: ['sdk/src/crypto/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [{ name: 'idb', message: 'crypto stores nothing' }],
          patterns: [...SDK_IMPORTS, { regex: '^\\.\\./(?!\\.\\./test/)', message: 'crypto imports nothing above it' }],
        },
      ],
    },
  },
  {
    files: ['src/**/*.tsx'],
    extends: [jsxA11y.flatConfigs.recommended, reactHooks.configs.flat['recommended-latest']],
  },
  { files: ['src/**/*.{ts,tsx}'], rules: { 'no-restricted-imports': ['error', { patterns: PAGE_IMPORTS }] } },
  {
    // A feature is a flat folder, so another feature can be reached only by ../name or by features/name.
    files: ['src/features/**/*.{ts,tsx}'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...PAGE_IMPORTS,
            { regex: '^\\.\\./(?!\\.\\.)|(^|/)features/', message: 'features do not import each other; share through src/ui or src/lib' },
            { regex: '(^|/)app(/|$)', message: 'features do not import the app that assembles them' },
          ],
        },
      ],
    },
  },
  {
    files: ['src/{ui,lib}/**/*.{ts,tsx}'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...PAGE_IMPORTS,
            { regex: '(^|/)(features|app)(/|$)', message: 'what is shared stands below features and app' },
          ],
        },
      ],
    },
  },
  {
    files: ['e2e/**/*.{js,ts}', '**/*.config.ts', 'sdk/test/**/*.ts', '**/*.test.{ts,tsx}'],
    languageOptions: { globals: { ...globals.node } },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
