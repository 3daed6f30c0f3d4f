/* Signals by which the system would end the program without a word become a message, or an error of the call. */
#ifndef SAB_CLI_FAULTS_H
#define SAB_CLI_FAULTS_H

/* From now on: SIGBUS of a mapped file that was cut (a sentence and SAB_EXIT_FAILED), SIGXFSZ of a file beyond its limit. */
void sab_faults_catch(void);

#endif
