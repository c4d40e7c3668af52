-- Users and passwords of MLflow, beside its runs.
CREATE DATABASE mlflow_auth;
