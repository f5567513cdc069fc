// Started here and not in docs.html: the page's policy runs no script that stands in it.
window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true });
