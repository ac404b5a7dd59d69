"""The service: REST API and pages over jobs, dashboards, data and administration."""
