from django.apps import AppConfig


class LLMConfig(AppConfig):
    name = "survey.llm"
    label = "llm"
    verbose_name = "Language models"
