"""Drop two indexes of cells: others begin with the same columns, and every change of a cell had to keep these too."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('llm', '0007_trouble'),
    ]

    operations = [
        migrations.AlterField(
            model_name='cell',
            name='run',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='cells', to='llm.run'),
        ),
        migrations.AlterField(
            model_name='cell',
            name='spec',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='cells', to='llm.modelspec'),
        ),
    ]
