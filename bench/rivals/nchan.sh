#!/bin/sh
# `nchan.sh PORT FOLDER`: the /broadcast of `everwire serve`, on nginx with nchan, whose files are in
# FOLDER. One process, as it is measured on one core; nothing is kept for those who come later.
set -eu
folder=$2
mkdir -p "$folder"
cat >"$folder/nginx.conf" <<EOF
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off;
master_process off;
pid $folder/pid;
error_log stderr error;
worker_rlimit_nofile 65536;
events {
    worker_connections 20000;
}
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    nchan_shared_memory_size 256M;
    server {
        listen 127.0.0.1:$1 backlog=4096;
        location = /broadcast {
            nchan_pubsub websocket;
            nchan_channel_id all;
            nchan_store_messages off;
            nchan_subscriber_first_message newest;
        }
    }
}
EOF
exec nginx -p "$folder" -c "$folder/nginx.conf"
