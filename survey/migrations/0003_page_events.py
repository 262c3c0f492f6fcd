import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("survey", "0002_live_versions_are_fixed")]

    operations = [
        migrations.CreateModel(
            name='PageEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(help_text="index of the page in the session's plan")),
                ('kind', models.CharField(choices=[('page_shown', 'Page shown'), ('first_interaction', 'First interaction'), ('answer_change', 'Answer chosen or changed'), ('hidden', 'Turned away from'), ('visible', 'Come back to')], max_length=20)),
                ('at_ms', models.PositiveIntegerField(help_text="milliseconds since the page was shown, by the browser's clock")),
                ('detail', models.CharField(blank=True, help_text='the viewport of a page shown, the question of a changed answer', max_length=20)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='page_events', to='survey.surveysession')),
            ],
            options={
                'ordering': ['session', 'position', 'pk'],
                'constraints': [
                    models.UniqueConstraint(fields=('session', 'position', 'kind', 'at_ms', 'detail'), name='page_event_once'),
                    models.UniqueConstraint(condition=models.Q(('kind', 'page_shown')), fields=('session', 'position'), name='page_shown_once'),
                ],
            },
        ),
    ]
