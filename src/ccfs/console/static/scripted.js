// Runs before the page is drawn: styles hide what only a browser without scripts needs, so that nothing moves later.
document.documentElement.classList.add("scripted");
