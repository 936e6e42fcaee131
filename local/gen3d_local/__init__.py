"""The laptop cloud: template.yaml on a local engine, and a stand-in for SageMaker's asynchronous endpoint."""
