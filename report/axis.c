/* See axis.h. */
#include "report/axis.h"

#include <math.h>

double sab_axis_place(const struct sab_axis *axis, double value)
{
    double least = axis->is_log ? log10(axis->least) : axis->least, most = axis->is_log ? log10(axis->most) : axis->most;
    double at = axis->is_log ? log10(value) : value;
    return axis->from + (axis->to - axis->from) * (at - least) / (most - least);
}

double sab_axis_round(double x)
{
    double power = pow(10, floor(log10(x)));
    return x <= power ? power : x <= 2 * power ? 2 * power : x <= 5 * power ? 5 * power : 10 * power;
}

static int find_log_ticks(const struct sab_axis *axis, int count, double ticks[SAB_TICKS_CAP])
{
    static const double factors[] = {1, 2, 5};
    double decades = log10(axis->most / axis->least);
    int n = 0, per_decade = 3 * decades <= count ? 3 : 1, every = per_decade == 3 ? 1 : (int)fmax(1, ceil(decades / count));
    for (int power = (int)floor(log10(axis->least)); power <= log10(axis->most); power++)
        for (int k = 0; k < per_decade && n < SAB_TICKS_CAP; k++) {
            double value = factors[k] * pow(10, power);
            if (power % every == 0 && value >= axis->least * (1 - 1e-9) && value <= axis->most * (1 + 1e-9))
                ticks[n++] = value;
        }
    return n;
}

int sab_axis_ticks(const struct sab_axis *axis, int count, int is_whole, double ticks[SAB_TICKS_CAP])
{
    if (axis->is_log)
        return find_log_ticks(axis, count, ticks);
    double step = sab_axis_round((axis->most - axis->least) / count), slack = 1e-9 * (axis->most - axis->least);
    int n = 0;
    if (is_whole && step < 1)
        step = 1;
    for (double k = ceil(axis->least / step - 1e-9); k * step <= axis->most + slack && n < SAB_TICKS_CAP; k++)
        ticks[n++] = k * step == 0 ? 0 : k * step; /* no -0 */
    return n;
}
