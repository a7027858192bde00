# One image for both programs: the API, or dispatchers when it is told `node apps/dispatcher/dist/main.js`. A container runs
# one process of it unless APIS or DISPATCHERS says more.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
ENV CI=true DO_NOT_TRACK=1 TURBO_TELEMETRY_DISABLED=1
WORKDIR /build
# What is fetched depends on these files alone: a change of the sources leaves the download as it is.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
RUN npm install --global --ignore-scripts "$(node -p 'require("./package.json").packageManager')" \
 && pnpm fetch
COPY . .
RUN pnpm install --offline --frozen-lockfile \
      --filter posthorn --filter '@posthorn/api...' --filter '@posthorn/dispatcher...' \
 && pnpm exec turbo run build --filter @posthorn/api --filter @posthorn/dispatcher \
 && pnpm deploy --offline --prod --filter @posthorn/api /deploy/apps/api \
 && pnpm deploy --offline --prod --filter @posthorn/dispatcher /deploy/apps/dispatcher

FROM ${NODE_IMAGE}
# Looking up a name takes a thread; one slow name server must not hold all of them.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 UV_THREADPOOL_SIZE=16
WORKDIR /posthorn
COPY --from=build /deploy ./
# The user `node` of the base image, as a number: only then can an orchestrator see that it is not root.
USER 1000:1000
EXPOSE 8080
# A dispatcher has a PROBE_PORT, each of several the next one; the API answers on its own port.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const { PORT, PROBE_PORT: first, DISPATCHERS } = process.env; const ports = first ? Array.from({ length: +DISPATCHERS || 1 }, (_, index) => +first + index) : [PORT]; Promise.all(ports.map((port) => fetch(`http://127.0.0.1:${port}/ready`))).then((all) => process.exit(all.every(({ ok }) => ok) ? 0 : 1), () => process.exit(1))"]
CMD ["node", "apps/api/dist/main.js"]
