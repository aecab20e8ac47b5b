# The images that docker-compose.yml builds. docs/containers.md says how to pin by digest what they are made from.
ARG NODE_IMAGE=node:22-bookworm-slim
ARG NGINX_IMAGE=nginx:1.28-bookworm

# All that npm looks at, so that packages are installed anew only when one of these changes.
FROM ${NODE_IMAGE} AS manifests
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/auth-contract/package.json packages/auth-contract/
COPY packages/local-mode/package.json packages/local-mode/
COPY fastify-api/package.json fastify-api/
COPY uws-server/package.json uws-server/

FROM manifests AS build
RUN npm ci --omit=optional
COPY tsconfig.base.json client-demo.html ./
COPY scripts/check-health.mjs scripts/
COPY packages/auth-contract/ packages/auth-contract/
COPY fastify-api/ fastify-api/
COPY uws-server/ uws-server/
# Whatever the umask of the checkout was, any user can read what comes out.
RUN npx tsc -b fastify-api uws-server && chmod -R a+rX,go-w client-demo.html scripts packages fastify-api uws-server

FROM manifests AS api-packages
RUN npm ci --omit=dev --workspace packages/auth-contract --workspace fastify-api

# Without the native binaries of other systems, which are 120 MB.
FROM manifests AS ws-packages
RUN npm ci --omit=dev --workspace packages/auth-contract --workspace uws-server
RUN find node_modules/uWebSockets.js -name '*.node' ! -name "uws_linux_$(node -p 'process.arch + "_" + process.versions.modules').node" -delete

FROM ${NODE_IMAGE} AS runtime
WORKDIR /app
# One heap of glibc for each thread of the pool would hold megabytes that nobody uses.
ENV HOST=0.0.0.0 MALLOC_ARENA_MAX=2
COPY --from=build /app/scripts/check-health.mjs scripts/
COPY --from=build /app/packages/auth-contract/package.json packages/auth-contract/
COPY --from=build /app/packages/auth-contract/dist packages/auth-contract/dist

# The API; by other commands also the worker, the migrations and the administration.
FROM runtime AS api
COPY --from=api-packages /app/node_modules node_modules
COPY --from=build /app/fastify-api/package.json fastify-api/
COPY --from=build /app/fastify-api/migrations fastify-api/migrations
COPY --from=build /app/fastify-api/dist fastify-api/dist
COPY --from=build /app/client-demo.html ./
ENV PORT=3000
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["node", "scripts/check-health.mjs", "PORT", "/api/ready"]
CMD ["node", "--max-semi-space-size=8", "--heap-growing-percent=50", "fastify-api/dist/server.js"]

# The socket server. It holds no program that signs, and gets no key that could.
FROM runtime AS ws
COPY --from=ws-packages /app/node_modules node_modules
COPY --from=build /app/uws-server/package.json uws-server/
COPY --from=build /app/uws-server/dist uws-server/dist
ENV PORT=3001
USER 65532:65532
EXPOSE 3001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["node", "scripts/check-health.mjs", "PORT", "/ready"]
CMD ["node", "--max-semi-space-size=2", "uws-server/dist/server.js"]

# nginx with the configuration that configure.sh writes at the start. /run/nginx has to be writable.
FROM ${NGINX_IMAGE} AS nginx
WORKDIR /opt/nginx
COPY nginx/ ./
RUN chmod -R a+rX,go-w .
ENV HTTP_PORT=8080 HTTPS_PORT=8443
USER 65532:65532
EXPOSE 8080 8443
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["bash", "-c", ": > /dev/tcp/127.0.0.1/$HTTP_PORT"]
ENTRYPOINT ["/opt/nginx/configure.sh", "/run/nginx"]
CMD ["nginx", "-p", "/run/nginx/", "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"]
