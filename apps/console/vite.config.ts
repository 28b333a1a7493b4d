import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

const server = process.env['MAJLIS_URL'] ?? 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [react()],
  resolve: { conditions: ['@majlis/source', ...defaultClientConditions] },
  server: { proxy: { '/api': server, '/socket.io': { target: server, ws: true } } },
  build: {
    target: 'es2023',
    chunkSizeWarningLimit: 800,
    rolldownOptions: {
      // Libraries change less often than the console does, and so stay in the browser's cache.
      output: { codeSplitting: { groups: [{ name: 'libraries', test: /node_modules/ }] } },
      // Of the contract a browser needs a few numbers; its schemas, made when they are imported, would come along otherwise.
      treeshake: { moduleSideEffects: (id) => !id.includes('/packages/contract/') },
    },
  },
});
