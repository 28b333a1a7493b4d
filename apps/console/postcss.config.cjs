module.exports = { plugins: { 'postcss-preset-mantine': {}, 'postcss-simple-vars': { variables: { 'breakpoint-narrow': '48em' } } } };
