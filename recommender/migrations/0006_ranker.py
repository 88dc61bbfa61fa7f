from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('recommender', '0005_collaborative'),
    ]

    operations = [
        migrations.AlterField(
            model_name='recommendermodel',
            name='algorithm',
            field=models.CharField(choices=[('ease', 'Ease'), ('item-knn', 'Item Knn'), ('factorization', 'Factorization'), ('two-tower', 'Two Tower'), ('logistic', 'Logistic')], max_length=13),
        ),
        migrations.AlterField(
            model_name='recommendermodel',
            name='kind',
            field=models.CharField(choices=[('item-item', 'Item Item'), ('two-tower', 'Two Tower'), ('ranker', 'Ranker')], max_length=9),
        ),
        migrations.AlterField(
            model_name='recommendermodel',
            name='parameters',
            field=models.BinaryField(default=b'', help_text='Of a two-tower model, for new items; of a ranker, its weights.'),
        ),
    ]
