# syntax=docker/dockerfile:1
# The server with its console, for linux/amd64 and linux/arm64. Debian and not Alpine: the password hashing comes built for glibc.
FROM node:24.21.0-bookworm-slim AS manifests
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY apps/console/package.json apps/console/
COPY apps/server/package.json apps/server/
COPY bench/package.json bench/
COPY packages/client/package.json packages/client/
COPY packages/contract/package.json packages/contract/

FROM manifests AS build
RUN npm ci
COPY . .
RUN npm run build

FROM manifests AS dependencies
RUN npm ci --omit=dev --workspace @majlis/server

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
WORKDIR /app
RUN install -d -o node -g node /data
COPY --from=dependencies /app/ ./
COPY --from=build /app/packages/contract/dist packages/contract/dist
COPY --from=build /app/apps/server/dist apps/server/dist
COPY --from=build /app/apps/console/dist apps/console/dist
# `docker exec <container> majlis backup /data/backup.sqlite`
RUN printf '#!/bin/sh\nexec node /app/apps/server/dist/cli.js "$@"\n' > /usr/local/bin/majlis && chmod 755 /usr/local/bin/majlis
USER node
VOLUME /data
EXPOSE 3000
# Whether the process answers. Whether it should be given connections is for the proxy to ask, at /health/ready: a node whose database
# is away must not be killed for it.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The process is the server itself, with handlers for SIGTERM and SIGINT, and it starts no children: no init is needed.
CMD ["node", "apps/server/dist/main.js"]
