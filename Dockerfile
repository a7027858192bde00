# One image for API and dispatcher; the command chooses. No instruction needs BuildKit.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY . .
RUN node scripts/setup.mjs \
  && rm -rf node_modules/.cache .turbo \
  && CI=true node_modules/.bin/pnpm prune --prod --ignore-scripts

FROM ${NODE_IMAGE}
# Look-ups of names take threads; one slow name server must not hold all of them.
ENV NODE_ENV=production HOST=0.0.0.0 PROBE_HOST=0.0.0.0 UV_THREADPOOL_SIZE=16
WORKDIR /app
COPY --from=build /app /app
USER node
EXPOSE 8080
CMD ["node", "apps/api/dist/main.js"]
