# Estimates of R's packages on random studies: `Rscript estimators.R FOLDER` reads every study_*.csv of the folder (person,
# item, country, relation, age, y, again) and writes beside it a .json of the same name.
suppressPackageStartupMessages({
  library(lme4); library(glmmTMB); library(survival); library(sandwich); library(psych); library(jsonlite)
  library(emmeans)
})
fixed <- y ~ country + relation + age
z <- seq(-8.4, 8.4, length.out = 85)
w <- dnorm(z) / sum(dnorm(z))

named <- function(v) as.list(v)
sandwiched <- function(fit, data, by) as.matrix(vcovCL(fit, cluster = data[by], type = "HC0", cadjust = FALSE))
clustered <- function(...) sqrt(diag(sandwiched(...)))
both_ways <- c("person", "item")
# Not below the larger of both one-way errors, which the difference of three variances can be, as ours is not.
two_way <- function(fit, data, name)
  max(sapply(list("person", "item", both_ways), function(by) suppressWarnings(clustered(fit, data, by))[name]), na.rm = TRUE)

equivalent <- function(estimate, se, df, sesoi) # two one-sided t tests: the larger p
  unname(max(pt((estimate + sesoi) / se, df, lower.tail = FALSE), pt((estimate - sesoi) / se, df)))

# The share that would be 1 under a relation, averaged over the answers and over normal effects of this SD (0: none).
share <- function(beta, sd, data, level) {
  data$relation <- factor(level, levels(data$relation))
  eta <- drop(model.matrix(delete.response(terms(fixed)), data) %*% beta)
  mean(plogis(outer(eta, sd * z, "+")) %*% w)
}
# The difference same - close as a function of all parameters, and its error by the delta method, by differences.
delta <- function(f, at, v) {
  g <- sapply(seq_along(at), function(k) { h <- replace(0 * at, k, 1e-5); (f(at + h) - f(at - h)) / 2e-5 })
  list(estimate = f(at), se = sqrt(drop(t(g) %*% v %*% g)))
}

# Intercepts of person and item come first; what follows are slopes, which count in the relation `same` alone.
of_mixed <- function(fit, d, k) {
  theta <- c(fixef(fit)$cond, fit$fit$par[names(fit$fit$par) == "theta"]) # log SDs behind the coefficients
  f <- function(p) {
    v <- exp(2 * p[-seq_len(k)])
    share(p[seq_len(k)], sqrt(sum(v)), d, "same") - share(p[seq_len(k)], sqrt(sum(v[1:2])), d, "close")
  }
  list(coef = named(fixef(fit)$cond), se = named(sqrt(diag(vcov(fit)$cond))), sd = unname(exp(theta[-seq_len(k)])),
       logLik = as.numeric(logLik(fit)), effect = delta(f, theta, unname(vcov(fit, full = TRUE))))
}

# Averages over the random effects by adaptive quadrature, as a link of its own: emmeans takes its slope by the delta method.
averaged <- function(f, eta, sd)
  sapply(eta, function(x) integrate(function(u) f(x + sd * u) * dnorm(u), -Inf, Inf, rel.tol = 1e-12)$value)
averaging <- function(sd) list(name = "averaged", linkfun = identity, mu.eta = function(eta) averaged(dlogis, eta, sd),
                               linkinv = function(eta) averaged(plogis, eta, sd))

# The own-culture effect of glmer's fit: by emmeans, for which the SDs are known, and with their uncertainty, from the
# curvature of glmer's own deviance.
of_glmer <- function(fit, d) {
  sd <- unname(sapply(VarCorr(fit)[c("person", "item")], function(one) sqrt(one[1])))
  grid <- update(ref_grid(fit), tran = averaging(sqrt(sum(sd^2))))
  who <- table(d$country, d$age) # everybody is given each relation: the grid's cells count as often as they were seen
  means <- emmeans(regrid(grid), "relation", weights = as.vector(who))
  told <- summary(contrast(means, list(own = (levels(d$relation) == "same") - (levels(d$relation) == "close"))))
  at <- unname(c(getME(fit, "theta"), fixef(fit))) # theta is in the order of the fit's own terms
  v <- 2 * solve(numDeriv::hessian(update(fit, devFunOnly = TRUE), at))
  f <- function(p) share(p[-(1:2)], sqrt(sum(p[1:2]^2)), d, "same") - share(p[-(1:2)], sqrt(sum(p[1:2]^2)), d, "close")
  list(coef = named(fixef(fit)), logLik = as.numeric(logLik(fit)), sd = sd, covariance = unname(as.matrix(vcov(fit))),
       effect = delta(f, at, v), emmeans = list(estimate = told$estimate, se = told$SE))
}

estimates <- function(path) {
  d <- read.csv(path, stringsAsFactors = TRUE)
  d$item <- factor(d$item); d$person <- factor(d$person); d$same <- as.numeric(d$relation == "same")
  plain <- glm(fixed, binomial, d, control = list(epsilon = 1e-14))
  k <- length(coef(plain))
  crossed <- glmmTMB(update(fixed, . ~ . + (1 | person) + (1 | item)), d, binomial)
  slopes <- glmmTMB(update(fixed, . ~ . + (1 | person) + (1 | item) + (0 + same | person) + (0 + same | item)), d, binomial)
  glmer_fit <- glmer(update(fixed, . ~ . + (1 | person) + (1 | item)), d, binomial, nAGQ = 1,
                     control = glmerControl("bobyqa", optCtrl = list(maxfun = 1e5)))
  within <- clogit(y ~ relation + age + strata(item), d, method = "exact")
  ame <- lapply(list(person = "person", item = "item", both = both_ways), function(by)
    delta(function(b) share(b, 0, d, "same") - share(b, 0, d, "close"), coef(plain), sandwiched(plain, d, by)))
  mean_fit <- lm(y ~ 1, d)
  two <- subset(d, relation != "far"); two$own <- as.numeric(two$relation == "same")
  apart <- lm(y ~ own, two)
  places <- subset(d, country != "c")
  both <- tapply(places$y, list(places$item, places$country == "a"), length)
  places <- droplevels(subset(places, item %in% rownames(both)[rowSums(is.na(both)) == 0]))
  places$first <- as.numeric(places$country == "a")
  shared <- lm(y ~ first + item, places)
  pair <- table(factor(d$y, 0:1), factor(d$again, 0:1))
  n <- tapply(d$y, d$item, length)
  square <- outer(1:12, 1:6, function(i, j) d$y[(i - 1) * 6 + j])
  icc <- suppressWarnings(suppressMessages(ICC(square, lmer = FALSE)))$results$ICC
  list(
    glm = list(coef = named(coef(plain)), se = named(sqrt(diag(vcov(plain)))), deviance = deviance(plain),
               effect = c(list(estimate = ame$both$estimate), lapply(ame, function(one) one$se)),
               p_relation = anova(update(plain, . ~ . - relation), plain, test = "Chisq")[2, "Pr(>Chi)"]),
    glmmTMB = of_mixed(crossed, d, k), slopes = of_mixed(slopes, d, k),
    glmer = of_glmer(glmer_fit, d),
    clogit = list(coef = named(coef(within)), se = named(sqrt(diag(vcov(within))))),
    rate = list(estimate = unname(coef(mean_fit)), se = two_way(mean_fit, d, "(Intercept)"),
                person = unname(clustered(mean_fit, d, "person"))),
    difference = list(estimate = unname(coef(apart)["own"]), se = two_way(apart, two, "own"),
                      p_equivalent = equivalent(coef(apart)["own"], two_way(apart, two, "own"), 23, 0.05)),
    shared = list(estimate = unname(coef(shared)["first"]), se = two_way(shared, places, "first")),
    wilson = prop.test(sum(d$y), nrow(d), correct = FALSE)$conf.int[1:2],
    kappa = cohen.kappa(pair)$kappa, mcnemar = mcnemar.test(pair, correct = FALSE)$p.value,
    alpha = 1 - sum(n * tapply(d$y, d$item, var)) / sum(n) / var(d$y), # of items with two answers or more
    icc = list(single = icc[1], average = icc[4])
  )
}

folder <- commandArgs(TRUE)[1]
for (path in sort(list.files(folder, "^study_.*[.]csv$", full.names = TRUE)))
  write_json(estimates(path), sub("csv$", "json", path), digits = NA, auto_unbox = TRUE)
p <- as.numeric(readLines(file.path(folder, "p_values.txt")))
write_json(list(holm = p.adjust(p, "holm"), benjamini_hochberg = p.adjust(p, "BH"), benjamini_yekutieli = p.adjust(p, "BY")),
           file.path(folder, "adjusted.json"), digits = NA, na = "null")
