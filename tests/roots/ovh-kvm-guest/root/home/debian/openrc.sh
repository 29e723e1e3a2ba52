#!/usr/bin/env bash
export OS_AUTH_URL=https://auth.cloud.example.net/v3
export OS_PROJECT_NAME="1234567890123456"
export OS_USERNAME="user-invented"
export OS_PASSWORD="invented-for-a-test"
export OS_REGION_NAME="GRA11"
